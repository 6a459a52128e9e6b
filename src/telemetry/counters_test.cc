// SPDX-License-Identifier: Apache-2.0
#include "telemetry/counters.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace kgs::telemetry {
namespace {

TEST(CounterTest, Adds) {
  Counter counter;
  EXPECT_EQ(counter.value(), 0u);
  counter.Add();
  counter.Add(41);
  EXPECT_EQ(counter.value(), 42u);
}

TEST(DurationHistogramTest, ABoundBelongsToItsOwnBucket) {
  DurationHistogram histogram;
  histogram.Observe(0);
  histogram.Observe(0.0005);
  histogram.Observe(0.00051);
  histogram.Observe(1);
  histogram.Observe(1.5);
  EXPECT_EQ(histogram.bucket(0), 2u);
  EXPECT_EQ(histogram.bucket(1), 1u);
  EXPECT_EQ(histogram.bucket(DurationHistogram::kBounds.size() - 1), 1u);
  EXPECT_EQ(histogram.bucket(DurationHistogram::kBounds.size()), 1u) << "above every bound";
  EXPECT_DOUBLE_EQ(histogram.sum_seconds(), 0.0005 + 0.00051 + 2.5);
}

TEST(DurationHistogramTest, BoundsAscend) {
  for (size_t i = 1; i < DurationHistogram::kBounds.size(); ++i) {
    EXPECT_LT(DurationHistogram::kBounds[i - 1], DurationHistogram::kBounds[i]);
  }
}

TEST(DurationHistogramTest, LosesNothingAcrossThreads) {
  DurationHistogram histogram;
  constexpr int kThreads = 4;
  constexpr int kEach = 1000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) histogram.Observe(0.25);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(histogram.bucket(8), static_cast<uint64_t>(kThreads * kEach));
  EXPECT_DOUBLE_EQ(histogram.sum_seconds(), kThreads * kEach * 0.25);
}

TEST(ScalerCountersTest, OneCounterAMethod) {
  ScalerCounters counters;
  const auto metrics = static_cast<size_t>(Method::kGetMetrics);
  counters.requests[metrics].Add();
  EXPECT_EQ(kMethodNames[metrics], "GetMetrics");
  EXPECT_EQ(kMethodNames[static_cast<size_t>(Method::kStreamMetricSpec)], "StreamMetricSpec");
  EXPECT_EQ(counters.requests[metrics].value(), 1u);
  EXPECT_EQ(counters.errors[metrics].value(), 0u);
  EXPECT_EQ(counters.open_streams.load(), 0);
}

}  // namespace
}  // namespace kgs::telemetry
