// SPDX-License-Identifier: Apache-2.0
#include "scraping/page_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scraping/test_scrapes.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using testing::CounterQuery;
using ::testing::ElementsAre;
using testing::Guard;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Query;
using testing::Scrape;
using ::testing::SizeIs;

TEST(PlanScrapes, ReadsAllThatIsWantedOfAPageInOnePass) {
  const ScrapePlan plan =
      PlanScrapes({Scrape("a", {Query("vllm_demand", 4s), Query("vllm_running", 2s),
                                CounterQuery("jobs_total"), CounterQuery("other_total", 9000)})},
                  Guard());
  EXPECT_THAT(plan.refused, IsEmpty());
  ASSERT_THAT(plan.pages, SizeIs(2));
  const auto& [key, page] = *plan.pages.begin();
  EXPECT_EQ(key, (PageKey{"a", 1700000000, "10.0.0.1", 8000, "/metrics"}));
  EXPECT_THAT(page.keys, ElementsAre(Query("vllm_demand").Key(), Query("vllm_running").Key(),
                                     CounterQuery("jobs_total").Key()));
  ASSERT_THAT(page.query->wanted(), SizeIs(3));
  EXPECT_EQ(page.query->wanted()[1].signal.name, "vllm_running");
  EXPECT_EQ(page.url.Text(), "http://10.0.0.1:8000/metrics");
  EXPECT_EQ(page.address.Text(), "10.0.0.1");
  EXPECT_EQ(page.interval, 1s) << "the counter's";
  EXPECT_EQ(page.timeout, 2s);
  EXPECT_EQ(MaxAge(page), 5s);
}

TEST(PlanScrapes, KeepsTheProcessesOfAPodApart) {
  auto first = Scrape("a", {Query("vllm_demand")});
  auto again = first;
  again.container_started_unix_seconds = 1700000001;
  const ScrapePlan one = PlanScrapes({first}, Guard());
  const ScrapePlan other = PlanScrapes({again}, Guard());
  EXPECT_NE(one.pages.begin()->first, other.pages.begin()->first);
}

// llama.cpp answers between two steps of the model, and is kept awake by being asked.
TEST(PlanScrapes, SparesAnEngineThatCannotBearMore) {
  const ScrapePlan plan = PlanScrapes({Scrape("a", {Query("llamacpp_demand", 1s)})}, Guard());
  const PagePlan& page = plan.pages.begin()->second;
  EXPECT_EQ(page.interval, 5s);
  EXPECT_EQ(page.timeout, 5s);
  EXPECT_EQ(MaxAge(page), 20s);
}

TEST(PlanScrapes, AsksOverIpv6) {
  const ScrapePlan plan =
      PlanScrapes({Scrape("a", {Query("vllm_demand")}, "fd00::10:0:1")}, Guard());
  ASSERT_THAT(plan.pages, SizeIs(1));
  EXPECT_EQ(plan.pages.begin()->second.url.Text(), "http://[fd00::10:0:1]:8000/metrics");
}

/// Why a query is not asked of a pod with that address.
std::string WhyRefused(const model::EngineQuery& query, const std::string& ip = "10.0.0.1",
                       const std::vector<std::string>& allowed = {}) {
  const ScrapePlan plan = PlanScrapes({Scrape("a", {query}, ip)}, Guard(allowed));
  EXPECT_EQ(plan.pages.size() + plan.refused.size(), 1);
  if (plan.refused.empty()) return "asked";
  EXPECT_EQ(plan.refused[0].pod_uid, "a");
  EXPECT_EQ(plan.refused[0].key, query.Key());
  EXPECT_EQ(plan.refused[0].reading.gap(), model::EngineGap::kFault);
  return plan.refused[0].reading.detail();
}

TEST(PlanScrapes, AsksNothingButAPod) {
  for (const char* ip :
       {"127.0.0.1", "0.0.0.0", "169.254.169.254", "169.254.1.1", "224.0.0.1", "255.255.255.255",
        "100.100.100.200", "168.63.129.16", "::1", "::", "fe80::1", "ff02::1", "fd00:ec2::254",
        "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe"}) {
    EXPECT_NE(WhyRefused(Query("vllm_demand"), ip), "asked") << ip;
  }
  for (const char* ip : {"", "localhost", "metadata.google.internal", "10.0.0.1:80", "10.1",
                         "0x7f.0.0.1", "10.0.0.1@127.0.0.1", "fe80::1%eth0", "[fd00::1]"}) {
    EXPECT_THAT(WhyRefused(Query("vllm_demand"), ip), HasSubstr("no IP address")) << ip;
  }
}

TEST(PlanScrapes, AsksWhatTheOperatorAllows) {
  EXPECT_EQ(WhyRefused(Query("vllm_demand"), "127.0.0.1", {"127.0.0.0/8"}), "asked");
  EXPECT_NE(WhyRefused(Query("vllm_demand"), "127.0.0.1", {"10.0.0.0/8"}), "asked");
}

TEST(PlanScrapes, AsksForAPathAlone) {
  const auto with = [](const char* path) {
    model::EngineQuery query = Query("vllm_demand");
    query.path = path;
    return WhyRefused(query);
  };
  EXPECT_EQ(with("/a/b?c=d"), "asked");
  for (const char* path : {"metrics", "@127.0.0.1/", ":80/", " /metrics", "?a"}) {
    EXPECT_THAT(with(path), HasSubstr("does not begin with a '/'")) << path;
  }
  for (const char* path : {"/a b", "/a\r\nHost: x", "/a#b", "/\x7f", "/\xc3\xa4"}) {
    EXPECT_NE(with(path), "asked") << path;
  }
}

TEST(PlanScrapes, NeedsAPortForASeriesOfTheUsersOwn) {
  EXPECT_THAT(WhyRefused(CounterQuery("jobs_total", 0)), HasSubstr("no port"));
}

TEST(PlanScrapes, OneThatCannotBeAskedIsInNobodysWay) {
  const ScrapePlan plan =
      PlanScrapes({Scrape("a", {Query("vllm_dreams"), Query("vllm_demand")})}, Guard());
  EXPECT_THAT(plan.refused, SizeIs(1));
  ASSERT_THAT(plan.pages, SizeIs(1));
  EXPECT_THAT(plan.pages.begin()->second.keys, ElementsAre(Query("vllm_demand").Key()));
}

}  // namespace
}  // namespace kgs::scraping
