// SPDX-License-Identifier: Apache-2.0
//
// The scraper over a fetcher that answers what and when a test says, on a clock that stands still.
#include "scraping/scraper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "scraping/test_fetcher.h"
#include "scraping/test_scrapes.h"
#include "tests/support/fake_clock.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using model::EngineGap;
using model::EngineScrape;
using model::PodEngineReading;
using testing::CounterQuery;
using ::testing::ElementsAre;
using testing::FakeFetcher;
using testing::Guard;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Query;
using testing::Scrape;
using ::testing::SizeIs;

constexpr char kRunning3[] = "vllm:num_requests_running 3\nvllm:num_requests_waiting 2\n";

class ScraperTest : public ::testing::Test {
 protected:
  /// Lets \p by pass, in steps, with all that becomes due in it.
  void Pass(Duration by) {
    for (Duration passed{}; passed < by; passed += 10ms) {
      clock_.Advance(10ms);
      scraper_.Turn();
    }
  }
  /// Until the next page is asked, at most a second.
  void AwaitAsked() {
    for (int i = 0; i < 101 && fetcher_.asked.empty(); ++i) Pass(10ms);
    ASSERT_THAT(fetcher_.asked, SizeIs(1));
  }
  PodEngineReading Only() {
    const auto latest = scraper_.Latest();
    EXPECT_THAT(latest, SizeIs(1));
    return latest.empty() ? PodEngineReading() : latest[0];
  }

  kgs::testing::FakeClock clock_;
  FakeFetcher fetcher_;
  telemetry::ScrapeCounters counters_;
  int told_ = 0;
  Scraper scraper_{fetcher_,  Guard(),
                   clock_,    [] { return int64_t{1'790'000'000'000}; },
                   counters_, [this] { ++told_; }};
};

TEST_F(ScraperTest, AsksNothingUntilSomebodyWantsIt) {
  Pass(5s);
  EXPECT_THAT(fetcher_.asked, IsEmpty());
  EXPECT_THAT(scraper_.Latest(), IsEmpty());
  EXPECT_EQ(scraper_.targets(), 0);
}

TEST_F(ScraperTest, AsksOnceForAllThatIsWantedOfAPage) {
  scraper_.SetTargets({Scrape("a", {Query("vllm_demand"), Query("vllm_running")})});
  for (const PodEngineReading& reading : scraper_.Latest()) {
    EXPECT_EQ(reading.reading.gap(), EngineGap::kNoValueYet);
    EXPECT_EQ(reading.reading.detail(), "not asked yet");
  }
  AwaitAsked();
  const endpoint::FetchRequest request = fetcher_.asked[0].request;
  EXPECT_EQ(request.url.Text(), "http://10.0.0.1:8000/metrics");
  EXPECT_EQ(request.address.Text(), "10.0.0.1");
  EXPECT_EQ(request.timeout, 2s);
  ASSERT_THAT(request.headers, SizeIs(2));
  EXPECT_EQ(request.headers[0].name, "Accept");
  EXPECT_THAT(request.headers[0].value, HasSubstr("version=0.0.4"));
  const base::SteadyTime asked = clock_.Now();
  clock_.Advance(300ms);
  fetcher_.Answer(kRunning3);
  const auto latest = scraper_.Latest();
  ASSERT_THAT(latest, SizeIs(2));
  EXPECT_EQ(latest[0].pod_uid, "a");
  EXPECT_EQ(latest[0].key, Query("vllm_demand").Key());
  EXPECT_EQ(latest[0].reading.value(), 5);
  EXPECT_EQ(latest[0].reading.taken(), asked) << "not when the answer came";
  EXPECT_EQ(latest[0].max_age, 5s);
  EXPECT_EQ(latest[1].reading.value(), 3);
  EXPECT_EQ(scraper_.targets(), 1);
  EXPECT_EQ(counters_.scrapes.value(), 1);
  EXPECT_EQ(counters_.failures.value(), 0);
  EXPECT_EQ(counters_.duration.sum_seconds(), 0.3);
}

TEST_F(ScraperTest, AsksOnceAnInterval) {
  scraper_.SetTargets({Scrape("a", {Query("vllm_running", 2s)})});
  int rounds = 0;
  for (int i = 0; i < 2000; ++i) {
    Pass(10ms);
    if (fetcher_.asked.empty()) continue;
    ++rounds;
    fetcher_.Answer(kRunning3);
  }
  EXPECT_EQ(rounds, 10);
}

TEST_F(ScraperTest, NeverAsksTwiceAtATime) {
  scraper_.SetTargets({Scrape("a", {Query("vllm_running")})});
  AwaitAsked();
  Pass(5s);
  EXPECT_THAT(fetcher_.asked, SizeIs(1));
  fetcher_.Answer(kRunning3);
  Pass(20ms);
  EXPECT_THAT(fetcher_.asked, SizeIs(1)) << "the next was due";
}

TEST_F(ScraperTest, TellsOfEachValueThatIsAnother) {
  const auto answer = [&](const std::string& page) {
    AwaitAsked();
    fetcher_.Answer(page);
    return told_;
  };
  scraper_.SetTargets({Scrape("a", {Query("vllm_demand"), Query("vllm_running")})});
  EXPECT_EQ(answer(kRunning3), 1) << "once a page";
  EXPECT_EQ(answer(kRunning3), 1);
  EXPECT_EQ(answer("vllm:num_requests_running 3\nvllm:num_requests_waiting 4\n"), 2);
  AwaitAsked();
  fetcher_.Fail(absl::UnavailableError("refused"));
  EXPECT_EQ(told_, 2) << "that there is none makes nothing active";
  EXPECT_EQ(answer("vllm:num_requests_running 3\nvllm:num_requests_waiting 4\n"), 3)
      << "there is one again";
}

TEST_F(ScraperTest, AFailureIsAFaultAtOnceAndTheNextAnswerEndsIt) {
  scraper_.SetTargets({Scrape("a", {Query("vllm_running")})});
  AwaitAsked();
  fetcher_.Answer(kRunning3);
  AwaitAsked();
  const base::SteadyTime asked = clock_.Now();
  fetcher_.Fail(absl::UnavailableError("http://10.0.0.1:8000/metrics: Connection refused"));
  EXPECT_EQ(Only().reading.gap(), EngineGap::kFault);
  EXPECT_THAT(Only().reading.detail(), HasSubstr("Connection refused"));
  EXPECT_EQ(Only().reading.taken(), asked);
  EXPECT_EQ(counters_.failures.value(), 1);
  Pass(980ms);
  EXPECT_THAT(fetcher_.asked, IsEmpty()) << "it is left in peace for a round";
  AwaitAsked();
  fetcher_.Answer(kRunning3);
  EXPECT_EQ(Only().reading.value(), 3);
}

TEST_F(ScraperTest, WhatIsNoPageIsAFaultWithoutItsText) {
  struct Case {
    const char* page;
    const char* type;
    const char* detail;
  };
  for (const Case& tried :
       {Case{"{\"secret\": 1}", "application/json", "not a metrics page"},
        Case{"<html>secret</html>", "text/html", "not a metrics page"},
        Case{"a 1\n*secret*\n", "text/plain", "a line of the page: "},
        Case{"a 1\nsecret 2", "text/plain", "a line of the page: "},
        Case{"secret 1\n", "application/openmetrics-text; version=1.0.0", "# EOF"},
        Case{"secret 1\n", "text/plain", "nothing on the page is of vLLM"}}) {
    SCOPED_TRACE(tried.page);
    scraper_.SetTargets({});
    scraper_.SetTargets({Scrape("a", {Query("vllm_running")})});
    Pass(1010ms);
    ASSERT_THAT(fetcher_.asked, SizeIs(1));
    fetcher_.Answer(tried.page, tried.type, false);
    EXPECT_EQ(Only().reading.gap(), EngineGap::kFault);
    EXPECT_THAT(Only().reading.detail(), HasSubstr(tried.detail));
    EXPECT_THAT(Only().reading.detail(), ::testing::Not(HasSubstr("secret")));
  }
}

TEST_F(ScraperTest, WhyAPageIsNoneDoesNotChangeWithItsLength) {
  scraper_.SetTargets({Scrape("a", {Query("vllm_running")})});
  std::set<std::string> details;
  for (const char* before : {"", "a 1\n", "a 1\nb 2\n"}) {
    AwaitAsked();
    fetcher_.Answer(std::string(before) + "*\n");
    details.insert(Only().reading.detail());
  }
  EXPECT_THAT(details, SizeIs(1));
}

TEST_F(ScraperTest, WhatMayNotBeAskedIsAFaultForAsLongAsItIsWanted) {
  scraper_.SetTargets({Scrape("a", {Query("vllm_running")}, "169.254.169.254")});
  Pass(10s);
  EXPECT_THAT(fetcher_.asked, IsEmpty());
  EXPECT_EQ(Only().reading.gap(), EngineGap::kFault);
  EXPECT_THAT(Only().reading.detail(), HasSubstr("169.254.169.254"));
  EXPECT_EQ(Only().reading.taken(), clock_.Now());
  scraper_.SetTargets({});
  EXPECT_THAT(scraper_.Latest(), IsEmpty());
}

TEST_F(ScraperTest, ManyPodsAreNotAskedInTheSameMoment) {
  std::vector<EngineScrape> scrapes;
  for (int i = 0; i < 50; ++i) {
    scrapes.push_back(Scrape(std::to_string(i), {Query("vllm_running")}));
  }
  scraper_.SetTargets(scrapes);
  for (int round = 0; round < 3; ++round) {
    size_t most = 0;
    size_t all = 0;
    for (int i = 0; i < 100; ++i) {
      Pass(10ms);
      most = std::max(most, fetcher_.asked.size());
      for (; !fetcher_.asked.empty(); ++all) fetcher_.Answer(kRunning3);
    }
    EXPECT_EQ(all, 50) << round;
    EXPECT_LE(most, 5) << round;
  }
}

TEST_F(ScraperTest, OneThatHangsDelaysNone) {
  std::vector<EngineScrape> scrapes;
  for (int i = 0; i < 50; ++i) {
    scrapes.push_back(
        Scrape(std::to_string(i), {Query("vllm_running")}, "10.0.0." + std::to_string(i + 1)));
  }
  scraper_.SetTargets(scrapes);
  std::map<std::string, int> rounds;
  std::vector<FakeFetcher::Asked> hanging;
  for (int i = 0; i < 500; ++i) {
    Pass(10ms);
    while (!fetcher_.asked.empty()) {
      const std::string address = fetcher_.asked[0].request.address.Text();
      if (address == "10.0.0.7") {
        hanging.push_back(std::move(fetcher_.asked[0]));
        fetcher_.asked.erase(fetcher_.asked.begin());
      } else {
        ++rounds[address];
        fetcher_.Answer(kRunning3);
      }
    }
  }
  EXPECT_THAT(hanging, SizeIs(1));
  EXPECT_THAT(rounds, SizeIs(49));
  for (const auto& [address, count] : rounds) EXPECT_EQ(count, 5) << address;
}

TEST_F(ScraperTest, RatesAreKeptWhenAnotherQueryJoinsThePage) {
  scraper_.SetTargets({Scrape("a", {CounterQuery("jobs_total")})});
  AwaitAsked();
  fetcher_.Answer("jobs_total 10\nmore_total 1\n");
  EXPECT_EQ(Only().reading.gap(), EngineGap::kNoValueYet);
  scraper_.SetTargets({Scrape("a", {CounterQuery("jobs_total"), CounterQuery("more_total")})});
  AwaitAsked();
  fetcher_.Answer("jobs_total 20\nmore_total 2\n");
  const auto latest = scraper_.Latest();
  ASSERT_THAT(latest, SizeIs(2));
  EXPECT_TRUE(latest[0].reading.has_value());
  EXPECT_EQ(latest[1].reading.gap(), EngineGap::kNoValueYet);
}

TEST_F(ScraperTest, RatesOutliveAHubThatComesBackSoon) {
  const std::vector<EngineScrape> wanted = {Scrape("a", {CounterQuery("jobs_total")})};
  for (const bool soon : {true, false}) {
    scraper_.SetTargets(wanted);
    AwaitAsked();
    fetcher_.Answer("jobs_total 10\n");
    scraper_.SetTargets({});
    EXPECT_THAT(scraper_.Latest(), IsEmpty());
    EXPECT_EQ(scraper_.targets(), 0);
    Pass(soon ? 5s : 31s);
    EXPECT_THAT(fetcher_.asked, IsEmpty());
    scraper_.SetTargets(wanted);
    AwaitAsked();
    fetcher_.Answer("jobs_total 20\n");
    EXPECT_EQ(Only().reading.has_value(), soon);
    scraper_.SetTargets({});
    Pass(31s);
  }
}

TEST_F(ScraperTest, CountersOfAContainerThatStartedAgainAreNotCompared) {
  EngineScrape scrape = Scrape("a", {CounterQuery("jobs_total")});
  scraper_.SetTargets({scrape});
  AwaitAsked();
  fetcher_.Answer("jobs_total 10\n");
  scrape.container_started_unix_seconds = 1700000009;
  scraper_.SetTargets({scrape});
  AwaitAsked();
  fetcher_.Answer("jobs_total 500\n");
  EXPECT_EQ(Only().reading.gap(), EngineGap::kNoValueYet);
}

TEST_F(ScraperTest, WhatIsWantedOnChangesNothing) {
  const std::vector<EngineScrape> wanted = {Scrape("a", {CounterQuery("jobs_total")})};
  int rounds = 0;
  for (int i = 0; i < 500; ++i) {
    scraper_.SetTargets(wanted);
    Pass(10ms);
    if (fetcher_.asked.empty()) continue;
    fetcher_.Answer("jobs_total " + std::to_string(10 * ++rounds) + "\n");
  }
  EXPECT_EQ(rounds, 5);
  EXPECT_DOUBLE_EQ(Only().reading.value(), 10);
}

TEST_F(ScraperTest, AnAnswerThatIsNoLongerWantedIsDropped) {
  scraper_.SetTargets({Scrape("a", {Query("vllm_running")})});
  AwaitAsked();
  scraper_.SetTargets({Scrape("b", {Query("vllm_running")}, "10.0.0.2")});
  fetcher_.Answer(kRunning3);
  EXPECT_EQ(Only().pod_uid, "b");
  EXPECT_EQ(Only().reading.gap(), EngineGap::kNoValueYet);
}

TEST_F(ScraperTest, WhatIsWantedMoreOftenIsAskedMoreOften) {
  scraper_.SetTargets({Scrape("a", {Query("vllm_running", 60s)})});
  AwaitAsked();
  fetcher_.Answer(kRunning3);
  scraper_.SetTargets({Scrape("a", {Query("vllm_running", 1s)})});
  AwaitAsked();
}

TEST_F(ScraperTest, ReadingsAreByPodAndKey) {
  scraper_.SetTargets({Scrape("b", {Query("vllm_running"), Query("vllm_dreams")}),
                       Scrape("a", {Query("vllm_running"), Query("tgi_demand")})});
  std::vector<std::string> names;
  for (const PodEngineReading& reading : scraper_.Latest()) {
    names.push_back(reading.pod_uid + " " + reading.key);
  }
  EXPECT_THAT(names, ElementsAre("a signal=\"tgi_demand\"", "a signal=\"vllm_running\"",
                                 "b signal=\"vllm_dreams\"", "b signal=\"vllm_running\""));
}

}  // namespace
}  // namespace kgs::scraping
