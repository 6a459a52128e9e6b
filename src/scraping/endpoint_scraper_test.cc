// SPDX-License-Identifier: Apache-2.0
#include "scraping/endpoint_scraper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "scraping/endpoint_scraper_fixture.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using model::EngineGap;
using model::EngineReading;
using testing::CounterQuery;
using ::testing::ElementsAre;
using testing::FakeFetcher;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Query;
using ::testing::SizeIs;

TEST_F(EndpointScraperTest, AsksNothingUntilSomebodyWantsIt) {
  Pass(5s);
  EXPECT_EQ(names_.lookups, 0);
  EXPECT_THAT(fetcher_.asked, IsEmpty());
  EXPECT_EQ(scraper_.targets(), 0);
  EXPECT_FALSE(scraper_.Latest(KeyOf(Target()), Query("vllm_demand").Key()).has_value());
}

TEST_F(EndpointScraperTest, AddsUpADemandAndTakesTheLargestLevelOfAllAddresses) {
  const EndpointTarget target = Target({Query("vllm_demand"), Query("vllm_kv_cache_usage")});
  scraper_.SetTargets({target});
  EXPECT_EQ(Latest(target).detail(), "not asked yet");
  AwaitAsked(2);
  EXPECT_THAT(Asked(), ElementsAre("10.0.0.1", "10.0.0.2"));
  for (const auto& one : fetcher_.asked) {
    EXPECT_EQ(one.request.url.Text(), kUrl);
    EXPECT_EQ(one.request.timeout, 2s);
    EXPECT_THAT(one.request.headers, SizeIs(2));
    EXPECT_EQ(one.request.ca_pem, "");
  }
  const base::SteadyTime asked = clock_.Now();
  clock_.Advance(300ms);
  fetcher_.Answer(Demand(3) + "vllm:kv_cache_usage_perc 0.5\n");
  EXPECT_EQ(Latest(target).detail(), "not asked yet") << "one of two is not the whole";
  fetcher_.Answer(Demand(5) + "vllm:kv_cache_usage_perc 0.25\n");
  EXPECT_EQ(Latest(target), EngineReading::Value(10, asked));
  EXPECT_EQ(Latest(target, 1), EngineReading::Value(50, asked));
  EXPECT_EQ(scraper_.Latest(KeyOf(target), target.queries[0].Key())->max_age, 5s);
  EXPECT_FALSE(scraper_.Latest(KeyOf(target), Query("vllm_running").Key()).has_value());
  EXPECT_EQ(counters_.pages.scrapes.value(), 2);
  EXPECT_EQ(counters_.pages.failures.value(), 0);
  EXPECT_EQ(counters_.lookups.value(), 1);
}

TEST_F(EndpointScraperTest, OneAddressThatFailsLeavesTheWholeWithoutAValue) {
  scraper_.SetTargets({Target()});
  Rounds(1, Demand(3));
  EXPECT_EQ(Latest().value(), 8);
  AwaitAsked(2);
  const base::SteadyTime asked = clock_.Now();
  fetcher_.Answer(Demand(3));
  fetcher_.Fail(
      absl::UnavailableError("http://gateway:9090/metrics at 10.0.0.2: connection refused"));
  EXPECT_EQ(Latest(), EngineReading::Missing(
                          EngineGap::kFault,
                          "http://gateway:9090/metrics at 10.0.0.2: connection refused", asked));
  EXPECT_EQ(counters_.pages.failures.value(), 1);
}

TEST_F(EndpointScraperTest, OneThatHangsIsWaitedForAndDelaysNoOtherEndpoint) {
  const EndpointTarget other = Target({Query("vllm_demand")}, "http://10.0.0.9:80/");
  scraper_.SetTargets({Target(), other});
  std::vector<FakeFetcher::Asked> hanging;
  size_t rounds = 0;
  for (int i = 0; i < 500; ++i) {
    Pass(10ms);
    while (!fetcher_.asked.empty()) {
      if (fetcher_.asked[0].request.address.Text() == "10.0.0.2") {
        hanging.push_back(std::move(fetcher_.asked[0]));
        fetcher_.asked.erase(fetcher_.asked.begin());
      } else {
        rounds += fetcher_.asked[0].request.address.Text() == "10.0.0.9" ? 1 : 0;
        fetcher_.Answer(Demand(1));
      }
    }
  }
  EXPECT_THAT(hanging, SizeIs(1));
  EXPECT_EQ(rounds, 5);
  EXPECT_EQ(Latest().detail(), "not asked yet");
  EXPECT_EQ(Latest(other).value(), 2);
}

TEST_F(EndpointScraperTest, WhatIsNoPageIsAFaultWithoutItsTextAndTheUrlsQuery) {
  names_.addresses = Parse({"10.0.0.1"});
  scraper_.SetTargets({Target()});
  std::set<std::string> details;
  for (const char* page : {"a 1\n*mystery*\n", "a 1\nb 2\n*mystery*\n", "mystery 1\n"}) {
    for (int i = 0; i < 220 && fetcher_.asked.empty(); ++i) Pass(10ms);
    fetcher_.Answer(page);
    EXPECT_EQ(Latest().gap(), EngineGap::kFault);
    EXPECT_THAT(Latest().detail(), HasSubstr("http://gateway:9090/metrics at 10.0.0.1: "));
    EXPECT_THAT(Latest().detail(), Not(HasSubstr("mystery")));
    EXPECT_THAT(Latest().detail(), Not(HasSubstr("secret")));
    details.insert(Latest().detail());
  }
  EXPECT_THAT(details, SizeIs(2)) << "the line's number is none of the words";
}

TEST_F(EndpointScraperTest, CountersAreComparedAddressByAddress) {
  const EndpointTarget target = Target({CounterQuery("jobs_total", 0)});
  scraper_.SetTargets({target});
  for (int round = 0; round < 10; ++round) {
    AwaitAsked(2);
    fetcher_.Answer("jobs_total " + std::to_string(100 + 10 * round) + "\n");
    fetcher_.Answer("jobs_total " + std::to_string(7 + 5 * round) + "\n");
    EXPECT_EQ(Latest(target).gap(), EngineGap::kNoValueYet) << "for 10 s it may be several";
  }
  for (int round = 10; round < 12; ++round) {
    AwaitAsked(2);
    fetcher_.Answer("jobs_total " + std::to_string(100 + 10 * round) + "\n");
    fetcher_.Answer("jobs_total " + std::to_string(7 + 5 * round) + "\n");
  }
  ASSERT_TRUE(Latest(target).has_value());
  EXPECT_NEAR(Latest(target).value(), 15, 0.5) << "10 and 5 in a second";
}

TEST_F(EndpointScraperTest, TheCountersOfAnAddressThatFailedOrLeftBeginAnew) {
  const EndpointTarget target = Target({CounterQuery("jobs_total", 0)});
  for (const bool left : {false, true}) {
    SCOPED_TRACE(left);
    names_.addresses = Parse({"10.0.0.1", "10.0.0.2"});
    scraper_.SetTargets({target});
    Rounds(12, "jobs_total 5\n");
    EXPECT_TRUE(Latest(target).has_value());
    if (left) {
      names_.addresses = Parse({"10.0.0.1"});
      Rounds(11, "jobs_total 5\n");
      names_.addresses = Parse({"10.0.0.1", "10.0.0.2"});
      for (int i = 0; i < 2000 && Asked().size() < 2; ++i) {
        fetcher_.AnswerAll("jobs_total 5\n");
        Pass(10ms);
      }
    } else {
      AwaitAsked(2);
      fetcher_.Answer("jobs_total 5\n");
      fetcher_.Fail(absl::UnavailableError("connection refused"));
      AwaitAsked(2);
    }
    fetcher_.AnswerAll("jobs_total 500\n");
    EXPECT_EQ(Latest(target).gap(), EngineGap::kNoValueYet);
    EXPECT_THAT(Latest(target).detail(), Not(IsEmpty()));
    scraper_.SetTargets({});
    Pass(32s);
  }
}

TEST_F(EndpointScraperTest, WhatIsNoLongerWantedIsNotAskedNorShownAndIsForgotten) {
  const EndpointTarget target = Target({CounterQuery("jobs_total", 0)});
  for (const bool soon : {true, false}) {
    SCOPED_TRACE(soon);
    scraper_.SetTargets({target});
    Rounds(12, "jobs_total 5\n");
    EXPECT_TRUE(Latest(target).has_value());
    scraper_.SetTargets({});
    EXPECT_EQ(scraper_.targets(), 0);
    EXPECT_FALSE(scraper_.Latest(KeyOf(target), target.queries[0].Key()).has_value());
    Pass(soon ? 2s : 31s);
    EXPECT_THAT(fetcher_.asked, IsEmpty());
    scraper_.SetTargets({target});
    AwaitAsked(2);
    fetcher_.AnswerAll("jobs_total 500\n");
    EXPECT_EQ(Latest(target).has_value(), soon);
    scraper_.SetTargets({});
    Pass(31s);
  }
}

TEST_F(EndpointScraperTest, AnAnswerThatIsNoLongerWantedIsDropped) {
  scraper_.SetTargets({Target()});
  AwaitAsked(2);
  const EndpointTarget joined = Target({Query("vllm_running")});
  scraper_.SetTargets({joined});
  fetcher_.AnswerAll(Demand(3));
  EXPECT_EQ(Latest(joined).detail(), "not asked yet");
  scraper_.SetTargets({});
  Pass(40s);
  EXPECT_THAT(fetcher_.asked, IsEmpty());
}

TEST_F(EndpointScraperTest, WhatCannotBeReadIsSaidForAsLongAsItIsWanted) {
  const EndpointTarget target = Target({Query("vllm_dreams")});
  scraper_.SetTargets({target});
  Pass(5s);
  EXPECT_THAT(fetcher_.asked, IsEmpty()) << "there is nothing to ask for";
  EXPECT_EQ(Latest(target).gap(), EngineGap::kFault);
  EXPECT_EQ(Latest(target).taken(), clock_.Now());
}

TEST_F(EndpointScraperTest, ACredentialGoesWithTheRequestAndIsReadEachTime) {
  WriteToken("first\n");
  credentials_ = endpoint::NamedEndpoints::Parse(
                     "endpoints:\n- name: epp\n  url: http://gateway:9090\n"
                     "  tokenFile: " +
                         TokenFile() + "\n",
                     "file")
                     .value();
  EndpointTarget target = Target();
  target.credential = "epp";
  scraper_.SetTargets({target});
  for (const char* token : {"first", "second"}) {
    WriteToken(token);
    AwaitAsked(2);
    for (const auto& one : fetcher_.asked) {
      ASSERT_THAT(one.request.headers, SizeIs(3));
      EXPECT_EQ(one.request.headers[2].name, "Authorization");
      EXPECT_EQ(one.request.headers[2].value, std::string("Bearer ") + token);
    }
    fetcher_.AnswerAll(Demand(3));
    EXPECT_EQ(Latest(target).value(), 8);
  }
}

TEST_F(EndpointScraperTest, WithoutTheCredentialItNeedsNothingIsAsked) {
  credentials_ =
      endpoint::NamedEndpoints::Parse(
          "endpoints:\n- name: epp\n  url: https://gateway:9090\n  tokenFile: /none\n", "file")
          .value();
  EndpointTarget unknown = Target();
  unknown.credential = "nobody";
  EndpointTarget elsewhere = Target();
  elsewhere.credential = "epp";
  scraper_.SetTargets({unknown, elsewhere});
  Pass(2s);
  EXPECT_THAT(fetcher_.asked, IsEmpty());
  EXPECT_THAT(Latest(unknown).detail(), HasSubstr("no endpoint is named \"nobody\""));
  EXPECT_THAT(Latest(elsewhere).detail(), HasSubstr("is for https://gateway:9090 alone"));
}

/// Times that \p text has \p part.
size_t CountOf(const std::string& part, const std::string& text) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(EndpointScraperTest, ThePathOfACredentialIsLoggedOnceAndToldToNoTenant) {
  credentials_ =
      endpoint::NamedEndpoints::Parse(
          "endpoints:\n- {name: epp, url: 'http://gateway:9090', tokenFile: " + TokenFile() + "}\n",
          "file")
          .value();
  EndpointTarget target = Target();
  target.credential = "epp";
  EndpointTarget unknown = Target();
  unknown.credential = "nobody";
  ::testing::internal::CaptureStderr();
  scraper_.SetTargets({target, unknown});
  Pass(4s);
  const std::string broken = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(Latest(target).detail(),
            "http://gateway:9090/metrics: the credential of endpoint epp cannot be read; the "
            "scaler's log says why");
  EXPECT_EQ(CountOf(TokenFile(), broken), 1) << broken;
  EXPECT_EQ(CountOf("\"level\"", broken), 1) << "of an unknown name nothing is logged: " << broken;
  ::testing::internal::CaptureStderr();
  WriteToken("token");
  AwaitAsked(2);
  fetcher_.AnswerAll(Demand(3));
  const std::string mended = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(Latest(target).value(), 8);
  EXPECT_EQ(CountOf("can be read again", mended), 1) << mended;
}

}  // namespace
}  // namespace kgs::scraping
