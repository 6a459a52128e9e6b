// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_rates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/quantile.h"
#include "engine/series_selector.h"
#include "engine/test_pages.h"
#include "engine/test_readings.h"

namespace kgs::engine {
namespace {

using model::EngineGap;

PageQuery Series(std::string_view kind, Combine combine = Combine::kSum) {
  return PageQuery(
      {WantedSeries({.name = "a", .read_as = FindSeriesKind(kind).value(), .combine = combine})});
}

TEST(EngineRatesTest, ACounterIsItsIncreasePerSecond) {
  const PageQuery query = Series("counter");
  EXPECT_EQ(Text(ReadTwo(query, "a 100\n", "a 125\n")), "2.5");
  EXPECT_EQ(Text(ReadTwo(query, "a 100\n", "a 100\n")), "0");
  EXPECT_EQ(Text(ReadTwo(query, "a{m=\"1\"} 0\na{m=\"2\"} 5\n", "a{m=\"2\"} 25\na{m=\"1\"} 10\n")),
            "3");
  EXPECT_EQ(Text(ReadTwo(Series("counter", Combine::kMax), "a{m=\"1\"} 0\na{m=\"2\"} 5\n",
                         "a{m=\"1\"} 10\na{m=\"2\"} 25\n")),
            "2");
}

TEST(EngineRatesTest, TheFirstReadingHasNoValueYet) {
  for (const char* kind : {"counter", "histogram-mean", "histogram-p95"}) {
    const PageQuery query = Series(kind);
    const auto reading = EngineValues(query, nullptr,
                                      ReadText(query,
                                               "a 1\na_sum 1\na_count 1\na_bucket{le=\"1\"} 1\n"
                                               "a_bucket{le=\"+Inf\"} 1\n"))
                             .front();
    EXPECT_EQ(Text(reading), "no value yet") << kind;
  }
}

TEST(EngineRatesTest, TwoReadingsOfOneMomentHaveNoValueYet) {
  const PageQuery query = Series("counter");
  const PageReading first = ReadText(query, "a 1\n");
  EXPECT_EQ(Text(EngineValues(query, &first, ReadText(query, "a 2\n")).front()), "no value yet");
}

TEST(EngineRatesTest, AReadingHasTheTimeOfTheLaterPage) {
  const base::SteadyTime taken{std::chrono::hours(1)};
  const PageQuery query({WantedSeries({.name = "a"}), WantedSeries({.name = "b"})});
  const auto readings = EngineValues(query, nullptr, ReadText(query, "a 1\n", taken));
  EXPECT_EQ(readings[0].taken(), taken);
  EXPECT_EQ(readings[1].taken(), taken);
}

TEST(EngineRatesTest, ACounterThatFellHasNoValueYet) {
  EXPECT_EQ(Text(ReadTwo(Series("counter"), "a 100\n", "a 3\n")), "no value yet");
  // One of two: what the other gained is not the whole.
  EXPECT_EQ(Text(ReadTwo(Series("counter"), "a{m=\"1\"} 100\na{m=\"2\"} 5\n",
                         "a{m=\"1\"} 3\na{m=\"2\"} 15\n")),
            "no value yet");
  EXPECT_EQ(
      Text(ReadTwo(Series("histogram-mean"), "a_sum 9\na_count 9\n", "a_sum 10\na_count 1\n")),
      "no value yet");
  EXPECT_EQ(Text(ReadTwo(Series("histogram-p95"),
                         "a_bucket{le=\"1\"} 5\na_bucket{le=\"2\"} 6\na_bucket{le=\"+Inf\"} 6\n",
                         "a_bucket{le=\"1\"} 4\na_bucket{le=\"2\"} 9\na_bucket{le=\"+Inf\"} 9\n")),
            "no value yet");
}

TEST(EngineRatesTest, AModelThatWasUnloadedOrLoadedIsNoReset) {
  const PageQuery query = Series("counter");
  EXPECT_EQ(Text(ReadTwo(query, "a{m=\"1\"} 1000\na{m=\"2\"} 5\n", "a{m=\"2\"} 15\n")), "1");
  EXPECT_EQ(Text(ReadTwo(query, "a{m=\"2\"} 5\n", "a{m=\"1\"} 1000\na{m=\"2\"} 15\n")), "1");
  EXPECT_EQ(Text(ReadTwo(query, "a{m=\"1\"} 5\n", "a{m=\"2\"} 15\n")), "no value yet");
}

TEST(EngineRatesTest, AFaultIsAFaultBeforeAndAfter) {
  const PageQuery query = Series("counter");
  EXPECT_EQ(Text(ReadTwo(query, "a -5\n", "a -3\n")), "fault");
  EXPECT_EQ(Text(ReadTwo(query, "a NaN\n", "a 5\n")), "no value yet");
  EXPECT_EQ(Text(ReadTwo(query, "a 5\n", "a NaN\n")), "fault");
  EXPECT_EQ(Text(ReadTwo(query, "a 5\n", "b 5\n")), "absent");
  EXPECT_EQ(Text(ReadTwo(query, "b 5\n", "a 5\n")), "no value yet");
}

TEST(EngineRatesTest, TwoNamesOfOneThingAreNotComparedWithEachOther) {
  const auto page = [](const char* name, int count) {
    return std::string(name) + "_bucket{le=\"1\"} 0\n" + name + "_bucket{le=\"+Inf\"} " +
           std::to_string(count) + "\n";
  };
  const std::string old = page("time_to_first_token_seconds", 1);
  const std::string renamed = page("trtllm_time_to_first_token_seconds", 5);
  EXPECT_EQ(Text(ReadTwo("trtllm_ttft_p95_ms", old, renamed)), "no value yet");
}

TEST(EngineRatesTest, AMeanIsOfAllSeriesTogether) {
  const std::string before =
      "a_sum{m=\"1\"} 0\na_count{m=\"1\"} 0\na_sum{m=\"2\"} 4\na_count{m=\"2\"} 2\n";
  const std::string after =
      "a_sum{m=\"1\"} 90\na_count{m=\"1\"} 9\na_sum{m=\"2\"} 14\na_count{m=\"2\"} 3\n";
  EXPECT_EQ(Text(ReadTwo(Series("histogram-mean"), before, after)), "10");
  EXPECT_EQ(Text(ReadTwo(Series("histogram-mean", Combine::kMax), before, after)), "10");
  EXPECT_EQ(Text(ReadTwo(Series("histogram-mean"), after, after)), "nothing happened");
  EXPECT_EQ(
      Text(ReadTwo(Series("histogram-mean"), before, "a_sum{m=\"1\"} 90\na_count{m=\"2\"} 9\n")),
      "fault");
  EXPECT_EQ(Text(ReadTwo(Series("histogram-mean"), before, "a_sum 90\n")), "absent");
}

TEST(EngineRatesTest, HistogramsAreCheckedBeforeTheyAreBelieved) {
  const PageQuery query = Series("histogram-p95");
  const std::pair<const char*, const char*> kCases[] = {
      {"a_bucket{le=\"1\"} 1\n", "a_bucket: no +Inf bucket, or no other"},
      {"a_bucket{le=\"+Inf\"} 1\n", "a_bucket: no +Inf bucket, or no other"},
      {"a_bucket{le=\"-Inf\"} 1\na_bucket{le=\"1\"} 1\n", "a_bucket: no +Inf bucket, or no other"},
      {"a_bucket 1\na_bucket{le=\"+Inf\"} 1\n", "a_bucket: a bucket without a bound"},
      {"a_bucket{le=\"NaN\"} 1\na_bucket{le=\"+Inf\"} 1\n", "a_bucket: a bucket without a bound"},
      {"a_bucket{le=\"x\"} 1\na_bucket{le=\"+Inf\"} 1\n", "a_bucket: a bucket without a bound"},
      {"a_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n", "a_bucket: counts that fall"},
      {"a_bucket{le=\"1\"} NaN\na_bucket{le=\"+Inf\"} 1\n", "a_bucket: not a finite number"},
  };
  for (const auto& [page, detail] : kCases) {
    const auto reading = EngineValues(query, nullptr, ReadText(query, page)).front();
    EXPECT_EQ(reading.gap(), EngineGap::kFault) << page;
    EXPECT_EQ(reading.detail(), detail) << page;
  }
}

TEST(EngineRatesTest, BoundsAreComparedAsNumbersInAnyOrder) {
  EXPECT_EQ(Text(ReadTwo(Series("histogram-p50"),
                         "a_sum 0\na_bucket{le=\"+Inf\"} 0\na_bucket{le=\"1.0\"} 0\n"
                         "a_bucket{le=\"0.5\"} 0\n",
                         "a_bucket{le=\"5e-1\"} 10\na_bucket{le=\"1e+00\"} 20\n"
                         "a_bucket{le=\"Inf\"} 20\n")),
            "0.5");
}

TEST(EngineRatesTest, HistogramsOfOtherBucketsAreNotCompared) {
  const std::string before = "a_bucket{le=\"1\"} 0\na_bucket{le=\"+Inf\"} 0\n";
  EXPECT_EQ(Text(ReadTwo(Series("histogram-p50"), before,
                         "a_bucket{le=\"2\"} 5\na_bucket{le=\"+Inf\"} 5\n")),
            "no value yet");
  EXPECT_EQ(Text(ReadTwo(Series("histogram-p50"), before,
                         "a_bucket{le=\"1\"} 5\na_bucket{le=\"2\"} 5\na_bucket{le=\"+Inf\"} 5\n")),
            "no value yet");
  const auto two = [](int count) {
    const std::string n = std::to_string(count);
    return "a_bucket{m=\"1\",le=\"1\"} " + n + "\na_bucket{m=\"1\",le=\"+Inf\"} " + n +
           "\na_bucket{m=\"2\",le=\"3\"} " + n + "\na_bucket{m=\"2\",le=\"+Inf\"} " + n + "\n";
  };
  EXPECT_EQ(Text(ReadTwo(Series("histogram-p50"), two(0), two(10))), "fault");
  EXPECT_EQ(Text(ReadTwo(Series("histogram-p50", Combine::kMax), two(0), two(10))), "1.5");
}

TEST(EngineRatesTest, HistogramsOfSeveralSeriesAreOne) {
  const auto page = [](int slow, int fast) {
    return "a_bucket{m=\"s\",le=\"1\"} 0\na_bucket{m=\"s\",le=\"2\"} " + std::to_string(slow) +
           "\na_bucket{m=\"s\",le=\"+Inf\"} " + std::to_string(slow) +
           "\na_bucket{m=\"f\",le=\"1\"} " + std::to_string(fast) +
           "\na_bucket{m=\"f\",le=\"2\"} " + std::to_string(fast) +
           "\na_bucket{m=\"f\",le=\"+Inf\"} " + std::to_string(fast) + "\n";
  };
  EXPECT_EQ(Text(ReadTwo(Series("histogram-p90"), page(3, 7), page(23, 87))), "1.5");
  EXPECT_EQ(Text(ReadTwo(Series("histogram-p90"), page(3, 7), page(3, 7))), "nothing happened");
}

TEST(QuantileTest, AsPrometheusComputesIt) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Bucket> buckets = {{0.1, 50}, {0.2, 90}, {1, 99}, {infinity, 100}};
  EXPECT_DOUBLE_EQ(Quantile(0.25, buckets).value(), 0.05);
  EXPECT_DOUBLE_EQ(Quantile(0.5, buckets).value(), 0.1);
  EXPECT_DOUBLE_EQ(Quantile(0.9, buckets).value(), 0.2);
  EXPECT_DOUBLE_EQ(Quantile(0.945, buckets).value(), 0.6);
  // Beyond the last bound nobody knows how far.
  EXPECT_DOUBLE_EQ(Quantile(0.999, buckets).value(), 1);
  EXPECT_EQ(Quantile(0.5, std::vector<Bucket>{{1, 0}, {infinity, 0}}), std::nullopt);
  EXPECT_DOUBLE_EQ(Quantile(0.5, std::vector<Bucket>{{-1, 5}, {infinity, 5}}).value(), -1);
  EXPECT_DOUBLE_EQ(Quantile(0.5, std::vector<Bucket>{{-1, 0}, {1, 4}, {infinity, 4}}).value(), 0);
  EXPECT_DOUBLE_EQ(Quantile(0.5, std::vector<Bucket>{{1, 0}, {infinity, 4}}).value(), 1);
}

}  // namespace
}  // namespace kgs::engine
