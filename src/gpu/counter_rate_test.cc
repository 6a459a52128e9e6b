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

/// Answered at once.
CounterRate::Look At(base::SteadyTime asked, uint64_t count, int64_t stamp_us) {
  return {count, stamp_us, asked, asked};
}

TEST(CounterRateTest, TwoLooksMakeARate) {
  CounterRate rate;
  EXPECT_EQ(rate.Add(At(kStart, 1000, kStamp)).kind, Kind::kFirst);
  const auto result = rate.Add(At(kStart + 510ms, 1500, kStamp + 500'000));
  EXPECT_EQ(result.kind, Kind::kRate);
  EXPECT_DOUBLE_EQ(result.per_second, 1000) << "by the driver's time";
  EXPECT_DOUBLE_EQ(rate.Add(At(kStart + 1s, 1500, kStamp + 1'000'000)).per_second, 0);
}

TEST(CounterRateTest, WithoutADriversTimeOursCounts) {
  CounterRate rate;
  rate.Add(At(kStart, 0, 0));
  EXPECT_DOUBLE_EQ(rate.Add(At(kStart + 2s, 100, 0)).per_second, 50);
  EXPECT_DOUBLE_EQ(rate.Add(At(kStart + 4s, 300, kStamp)).per_second, 100)
      << "only one of them has it";
  EXPECT_EQ(rate.Add(At(kStart + 4s, 400, 0)).kind, Kind::kSameMoment);
}

TEST(CounterRateTest, ACountThatFallsIsDroppedAndCountedFrom) {
  CounterRate rate;
  rate.Add(At(kStart, ~uint64_t{0} - 5, kStamp));
  EXPECT_EQ(rate.Add(At(kStart + 1s, 10, kStamp + 1'000'000)).kind, Kind::kFell);
  EXPECT_DOUBLE_EQ(rate.Add(At(kStart + 2s, 30, kStamp + 2'000'000)).per_second, 20);
}

TEST(CounterRateTest, WhatIsCountedByABeatIsNoSecondLook) {
  CounterRate rate;
  rate.Add(At(kStart, 100, kStamp));
  EXPECT_EQ(rate.Add(At(kStart + 500ms, 100, kStamp)).kind, Kind::kSameMoment);
  EXPECT_DOUBLE_EQ(rate.Add(At(kStart + 1s, 300, kStamp + 1'000'000)).per_second, 200);
}

TEST(CounterRateTest, AClockThatWasSetChangesNoRate) {
  CounterRate rate;
  rate.Add(At(kStart, 100, kStamp));
  for (const int64_t step :
       std::initializer_list<int64_t>{-3'600'000'000, 3'600'000'000, -600'000, 1'100'000}) {
    CounterRate set = rate;
    EXPECT_DOUBLE_EQ(set.Add(At(kStart + 1s, 200, kStamp + 1'000'000 + step)).per_second, 100)
        << step;
    EXPECT_DOUBLE_EQ(set.Add(At(kStart + 2s, 300, kStamp + 2'000'000 + step)).per_second, 100)
        << step;
  }
}

TEST(CounterRateTest, ASlowCallChangesNoRate) {
  CounterRate rate;
  rate.Add(At(kStart, 0, kStamp));
  EXPECT_DOUBLE_EQ(rate.Add({2700, kStamp + 2'700'000, kStart + 500ms, kStart + 2700ms}).per_second,
                   1000);
  EXPECT_DOUBLE_EQ(rate.Add(At(kStart + 3s, 3000, kStamp + 3'000'000)).per_second, 1000);
}

TEST(CounterRateTest, WithoutADriversTimeASlowCallGivesNoRate) {
  for (const int64_t set : std::initializer_list<int64_t>{-kStamp, 3'600'000'000}) {
    CounterRate rate;
    rate.Add(At(kStart, 0, kStamp));
    EXPECT_EQ(rate.Add({2700, kStamp + set, kStart + 500ms, kStart + 2700ms}).kind,
              Kind::kTimeUnclear);
    EXPECT_DOUBLE_EQ(rate.Add(At(kStart + 3s, 3000, 0)).per_second, 1000) << "from the first on";
    EXPECT_DOUBLE_EQ(rate.Add(At(kStart + 4s, 4000, 0)).per_second, 1000);
  }
  CounterRate rate;
  rate.Add(At(kStart, 0, 0));
  EXPECT_EQ(rate.Add({100, 0, kStart + 1s, kStart + 1090ms}).kind, Kind::kRate);
  EXPECT_EQ(rate.Add({200, 0, kStart + 2s, kStart + 2020ms}).kind, Kind::kTimeUnclear);
}

TEST(CounterRateTest, WhereEachCallIsSlowTheTimeGrowsUntilItIsClear) {
  for (const auto& [call, interval] : {std::pair{100ms, 500ms}, {100ms, 100ms}, {20ms, 100ms}}) {
    CounterRate rate;
    int rates = 0;
    for (int look = 0; look < 100; ++look) {
      const base::SteadyTime asked = kStart + look * interval;
      const auto result =
          rate.Add({static_cast<uint64_t>(look * interval.count()), 0, asked, asked + call});
      if (result.kind != CounterRate::Kind::kRate) continue;
      EXPECT_NEAR(result.per_second, 1000, 1);
      ++rates;
    }
    EXPECT_GE(rates, 4) << call.count() << " ms each " << interval.count() << " ms";
  }
}

}  // namespace
}  // namespace kgs::gpu
