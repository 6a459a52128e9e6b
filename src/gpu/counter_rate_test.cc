// SPDX-License-Identifier: Apache-2.0
#include "gpu/counter_rate.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace kgs::gpu {
namespace {

using namespace std::chrono_literals;
using Kind = CounterRate::Kind;
constexpr base::SteadyTime kStart{100s};
constexpr int64_t kStamp = 1'700'000'000'000'000;

TEST(CounterRateTest, TwoLooksMakeARate) {
  CounterRate rate;
  EXPECT_EQ(rate.Add(1000, kStamp, kStart).kind, Kind::kFirst);
  const auto result = rate.Add(1500, kStamp + 500'000, kStart + 510ms);
  EXPECT_EQ(result.kind, Kind::kRate);
  EXPECT_DOUBLE_EQ(result.per_second, 1000) << "by the driver's time";
  EXPECT_DOUBLE_EQ(rate.Add(1500, kStamp + 1'000'000, kStart + 1s).per_second, 0);
}

TEST(CounterRateTest, WithoutADriversTimeOursCounts) {
  CounterRate rate;
  rate.Add(0, 0, kStart);
  EXPECT_DOUBLE_EQ(rate.Add(100, 0, kStart + 2s).per_second, 50);
  EXPECT_DOUBLE_EQ(rate.Add(300, kStamp, kStart + 4s).per_second, 100) << "only one of them has it";
  EXPECT_EQ(rate.Add(400, 0, kStart + 4s).kind, Kind::kSameMoment);
}

TEST(CounterRateTest, ACountThatFallsIsDroppedAndCountedFrom) {
  CounterRate rate;
  rate.Add(~uint64_t{0} - 5, kStamp, kStart);
  EXPECT_EQ(rate.Add(10, kStamp + 1'000'000, kStart + 1s).kind, Kind::kFell);
  EXPECT_DOUBLE_EQ(rate.Add(30, kStamp + 2'000'000, kStart + 2s).per_second, 20);
}

TEST(CounterRateTest, WhatIsCountedByABeatIsNoSecondLook) {
  CounterRate rate;
  rate.Add(100, kStamp, kStart);
  EXPECT_EQ(rate.Add(100, kStamp, kStart + 500ms).kind, Kind::kSameMoment);
  EXPECT_DOUBLE_EQ(rate.Add(300, kStamp + 1'000'000, kStart + 1s).per_second, 200);
}

TEST(CounterRateTest, AClockThatWasSetChangesNoRate) {
  CounterRate rate;
  rate.Add(100, kStamp, kStart);
  for (const int64_t step :
       std::initializer_list<int64_t>{-3'600'000'000, 3'600'000'000, -600'000, 1'100'000}) {
    CounterRate set = rate;
    EXPECT_DOUBLE_EQ(set.Add(200, kStamp + 1'000'000 + step, kStart + 1s).per_second, 100) << step;
    EXPECT_DOUBLE_EQ(set.Add(300, kStamp + 2'000'000 + step, kStart + 2s).per_second, 100) << step;
  }
}

}  // namespace
}  // namespace kgs::gpu
