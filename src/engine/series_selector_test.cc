// SPDX-License-Identifier: Apache-2.0
#include "engine/series_selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kgs::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(SeriesSelectorTest, EveryWordIsFound) {
  EXPECT_THAT(SeriesKindWords(), ElementsAre("gauge", "counter", "histogram-mean", "histogram-p50",
                                             "histogram-p90", "histogram-p95", "histogram-p99"));
  for (const std::string_view word : SeriesKindWords()) EXPECT_TRUE(FindSeriesKind(word)) << word;
  EXPECT_EQ(FindSeriesKind("histogram-p99"), (SeriesReadAs{SeriesKind::kQuantile, 0.99}));
  EXPECT_EQ(FindSeriesKind("histogram"), std::nullopt);
  EXPECT_THAT(SeriesCombineWords(), ElementsAre("sum", "max", "mean", "min"));
  EXPECT_EQ(FindSeriesCombine("min"), Combine::kMin);
  EXPECT_EQ(FindSeriesCombine("avg"), std::nullopt);
  EXPECT_THAT(SeriesAbsentWords(), ElementsAre("zero", "error", "hold"));
  EXPECT_EQ(FindSeriesAbsent("hold"), WhenAbsent::kHold);
  EXPECT_EQ(FindSeriesAbsent("Zero"), std::nullopt);
}

TEST(SeriesSelectorTest, Labels) {
  EXPECT_THAT(*ParseSeriesLabels(""), IsEmpty());
  EXPECT_THAT(*ParseSeriesLabels("a=b,c_1=d=e f"),
              ElementsAre(Pair("a", "b"), Pair("c_1", "d=e f")));
  EXPECT_THAT(*ParseSeriesLabels("a=,b="), ElementsAre(Pair("a", ""), Pair("b", "")));
  EXPECT_THAT(*ParseSeriesLabels(R"(a="x,y\"\\",b=z)"),
              ElementsAre(Pair("a", "x,y\"\\"), Pair("b", "z")));
  const std::pair<const char*, const char*> kWrong[] = {
      {"a", "no '=' after a label's name"},
      {"a=b,", "a ',' at the end"},
      {"a=b,,c=d", "a label's name is letters, digits and '_'"},
      {"=b", "a label's name is letters, digits and '_'"},
      {" a=b", "a label's name is letters, digits and '_'"},
      {"1a=b", "a label's name is letters, digits and '_'"},
      {"a=b,a=c", "a label that stands twice"},
      {"a=\"b", "a quote that is not closed"},
      {"a=\"b\\\"", "a quote that is not closed"},
      {"a=\"b\"c", "no ',' after a quoted value"},
      {"a=b\"", "a quote within a value without quotes"},
  };
  for (const auto& [text, error] : kWrong) {
    EXPECT_EQ(ParseSeriesLabels(text).status(), absl::InvalidArgumentError(error)) << text;
  }
  std::string many = "l0=";
  for (int i = 1; i < 16; ++i) many += ",l" + std::to_string(i) + "=";
  EXPECT_TRUE(ParseSeriesLabels(many).ok());
  EXPECT_EQ(ParseSeriesLabels(many + ",l=").status().message(), "more than 16 labels");
}

TEST(SeriesSelectorTest, Names) {
  for (const char* name : {"a", "vllm:num_requests_waiting", "my.metric", "a/b-c"}) {
    EXPECT_TRUE(IsSeriesName(name)) << name;
  }
  for (const char* name : {"", "a b", "a{", "a}", "a\"", "a\\", "a\n", "a\x7f"}) {
    EXPECT_FALSE(IsSeriesName(name)) << name;
  }
  EXPECT_TRUE(IsSeriesName(std::string(256, 'a')));
  EXPECT_FALSE(IsSeriesName(std::string(257, 'a')));
}

TEST(SeriesSelectorTest, HistogramsAreNamedByTheirFamily) {
  for (const char* suffix : {"_bucket", "_sum", "_count"}) {
    SeriesSelector selector{.name = std::string("a") + suffix};
    EXPECT_TRUE(CheckSelector(selector).ok()) << suffix;
    for (const char* kind : {"histogram-mean", "histogram-p95"}) {
      selector.read_as = *FindSeriesKind(kind);
      EXPECT_EQ(CheckSelector(selector).message(),
                std::string("a histogram is named without ") + suffix);
    }
  }
  const SeriesSelector bucket{
      .name = "a", .labels = {{"le", "1"}}, .read_as = *FindSeriesKind("histogram-p95")};
  EXPECT_FALSE(CheckSelector(bucket).ok());
  EXPECT_FALSE(CheckSelector({.name = "a b"}).ok());
}

TEST(SeriesSelectorTest, WhatAddsUpOverSeriesAddsUpOverPods) {
  EXPECT_TRUE(WantedSeries({.name = "a"}).signal.demand);
  EXPECT_TRUE(WantedSeries({.name = "a", .read_as = *FindSeriesKind("counter")}).signal.demand);
  EXPECT_FALSE(WantedSeries({.name = "a", .combine = Combine::kMax}).signal.demand);
  EXPECT_FALSE(
      WantedSeries({.name = "a", .read_as = *FindSeriesKind("histogram-p95")}).signal.demand);
}

}  // namespace
}  // namespace kgs::engine
