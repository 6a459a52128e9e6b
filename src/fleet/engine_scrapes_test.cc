// SPDX-License-Identifier: Apache-2.0
#include "fleet/engine_scrapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/wire.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using model::EngineQuery;
using model::EngineScrape;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

EngineQuery Query(const std::string& signal, std::chrono::milliseconds interval = 1s) {
  EngineQuery query;
  query.signal = signal;
  query.interval = interval;
  return query;
}

EngineScrape Scrape(const std::string& uid, std::vector<EngineQuery> queries,
                    std::optional<int64_t> started = 1700000000) {
  return {uid, {"team", "pod-" + uid}, "10.0.0.1", started, std::move(queries)};
}

/// One with everything that a query can have.
EngineScrape Full() {
  EngineQuery series;
  series.signal = "prometheus";
  series.series_name = "my:queue";
  series.series_labels = "a=b";
  series.series_kind = "counter";
  series.series_combine = "max";
  series.series_absent = "hold";
  series.port = 65535;
  series.path = "/stats?all";
  series.interval = 2500ms;
  return Scrape("u-1", {series, Query("vllm_demand")});
}

TEST(UnionOf, HasWhatAnyAsksFor) {
  const EngineScrapes all =
      UnionOf({{Scrape("b", {Query("vllm_demand")})},
               {},
               {Scrape("a", {Query("tgi_demand")}), Scrape("b", {Query("vllm_running")})}});
  EXPECT_THAT(all, ElementsAre(Scrape("a", {Query("tgi_demand")}),
                               Scrape("b", {Query("vllm_demand"), Query("vllm_running")})));
  EXPECT_THAT(UnionOf({}), IsEmpty());
}

TEST(UnionOf, AsksAsOftenAsAnyWants) {
  for (const bool swapped : {false, true}) {
    EngineScrapes often = {Scrape("a", {Query("vllm_demand", 1s)})};
    EngineScrapes seldom = {Scrape("a", {Query("vllm_demand", 10s)})};
    if (swapped) std::swap(often, seldom);
    EXPECT_THAT(UnionOf({often, seldom}), ElementsAre(Scrape("a", {Query("vllm_demand", 1s)})));
  }
}

TEST(UnionOf, BelievesWhoKnowsOfTheLaterStart) {
  EngineScrape early = Scrape("a", {Query("vllm_demand")}, std::nullopt);
  EngineScrape late = Scrape("a", {Query("vllm_running")}, 1700000009);
  late.ip = "10.0.0.2";
  EngineScrape expected = late;
  expected.queries = {Query("vllm_demand"), Query("vllm_running")};
  EXPECT_THAT(UnionOf({{early}, {late}}), ElementsAre(expected));
  EXPECT_THAT(UnionOf({{late}, {early}}), ElementsAre(expected));
}

TEST(UnionOf, IsBounded) {
  EngineScrapes many;
  for (size_t i = 0; i < kMostEngineQueries + 7; ++i) {
    many.push_back(Scrape(std::to_string(i), {Query("vllm_demand")}));
  }
  size_t queries = 0;
  for (const EngineScrape& scrape : UnionOf({many})) queries += scrape.queries.size();
  EXPECT_EQ(queries, kMostEngineQueries);
}

TEST(EngineScrapesWire, GoThereAndBack) {
  const EngineScrapes scrapes = {Full(), Scrape("u-2", {Query("tgi_demand")}, std::nullopt)};
  size_t left_out = 99;
  pb::Interest message;
  ASSERT_TRUE(message.ParseFromString(ToWire(scrapes, &left_out).SerializeAsString()));
  EXPECT_EQ(left_out, 0);
  EXPECT_EQ(EngineScrapesFromWire(message), UnionOf({scrapes}));
  EXPECT_EQ(FromWire(message), Interest());
}

TEST(EngineScrapesWire, LeaveOutWhatCannotBeAsked) {
  size_t left_out = 0;
  pb::Interest message = ToWire({Full()}, &left_out);
  pb::EngineScrape& scrape = *message.mutable_engine_scrapes(0);
  scrape.mutable_queries(0)->set_port(65536);
  scrape.mutable_queries(1)->set_interval_ms(0);
  *message.add_engine_scrapes() = scrape;
  message.mutable_engine_scrapes(1)->clear_pod_uid();
  EXPECT_THAT(EngineScrapesFromWire(message), ElementsAre(Scrape("u-1", {})));
}

TEST(EngineScrapesWire, AreBoundedByNumber) {
  EngineScrapes many;
  for (size_t i = 0; i < kMostEngineQueries + 7; ++i) {
    many.push_back(Scrape(std::to_string(i), {Query("vllm_demand")}));
  }
  size_t left_out = 0;
  const pb::Interest message = ToWire(many, &left_out);
  EXPECT_EQ(left_out, 7);
  EXPECT_EQ(message.engine_scrapes_size(), static_cast<int>(kMostEngineQueries));
}

TEST(EngineScrapesWire, AreBoundedByBytes) {
  EngineQuery large = Query("prometheus");
  large.series_labels = std::string(10 << 10, 'a');
  EngineScrapes many;
  for (size_t i = 0; i < 100; ++i) many.push_back(Scrape(std::to_string(i), {large}));
  many.push_back(Scrape("last", {Query("vllm_demand")}));
  size_t left_out = 0;
  const pb::Interest message = ToWire(many, &left_out);
  EXPECT_LE(message.ByteSizeLong(), kMostScrapeBytes);
  EXPECT_GT(message.ByteSizeLong(), kMostScrapeBytes - (16 << 10));
  EXPECT_EQ(static_cast<size_t>(message.engine_scrapes_size()) + left_out, 101);
}

}  // namespace
}  // namespace kgs::fleet
