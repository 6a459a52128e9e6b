// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/sample_stamps.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

namespace kgs::gpu::nvml {
namespace {

using namespace std::chrono_literals;
using Samples = SampleStamps::Samples;
using Stamp = SampleStamps::Stamp;
using ::testing::Each;
using ::testing::ElementsAre;

constexpr base::SteadyTime kStart{100h};
constexpr Stamp kEpoch = 1'700'000'000'000'000;

/// A driver with a ring of the samples of its last 16 seconds.
class SampleStampsTest : public ::testing::Test {
 protected:
  Stamp Time(base::Duration from_now = {}) const {
    const auto clock = now_ - kStart + set_ + from_now;
    return kEpoch +
           static_cast<Stamp>(std::chrono::duration_cast<std::chrono::microseconds>(clock).count());
  }
  /// No two stamps are equal, whatever the clock does.
  void Sample(unsigned int percent, base::Duration from_now = {}) {
    ring_.push_back({7, Time(from_now) + ++samples_, percent, 0, 0, 0});
    came_.push_back(now_);
  }
  void Pass(base::Duration time) {
    now_ += time;
    while (!came_.empty() && came_.front() < now_ - 16s) {
      came_.erase(came_.begin());
      ring_.erase(ring_.begin());
    }
  }
  /// The percentages that are new; {kUnsure} where it is not known whether there are.
  std::vector<unsigned int> Look() {
    Samples samples = ring_;
    std::erase_if(samples, [&](const auto& one) { return one.time_stamp <= stamps_.since(); });
    bool sure = stamps_.Take(samples, now_);
    if (sure && samples.empty() && stamps_.since() != 0) sure = stamps_.TakeRing(ring_, now_);
    std::vector<unsigned int> percents;
    for (const auto& sample : samples) percents.push_back(sample.sm);
    return sure ? percents : std::vector<unsigned int>{kUnsure};
  }
  /// Each half second a sample and a look.
  void BeBusy(base::Duration time, unsigned int percent) {
    for (base::Duration passed{}; passed < time; passed += 500ms) {
      Pass(500ms);
      Sample(percent);
      EXPECT_THAT(Look(), ElementsAre(percent)) << "after " << base::Seconds(passed) << " s";
    }
  }
  void BeIdle(base::Duration time) {
    for (base::Duration passed{}; passed < time; passed += 500ms) {
      Pass(500ms);
      EXPECT_THAT(Look(), ElementsAre()) << "after " << base::Seconds(passed) << " s";
    }
  }

  static constexpr unsigned int kUnsure = 1000;

  base::SteadyTime now_ = kStart;
  /// By how much the driver's clock has been set.
  base::Duration set_{};
  Samples ring_;
  Stamp samples_ = 0;
  std::vector<base::SteadyTime> came_;
  SampleStamps stamps_;
};

TEST_F(SampleStampsTest, WhatIsLaterIsNew) {
  Sample(50);
  Sample(60);
  EXPECT_THAT(Look(), ElementsAre(50, 60)) << "for who asks to judge";
  BeBusy(10s, 70);
  BeIdle(1h);
  BeBusy(10s, 80);
  for (int i = 0; i < 5; ++i) {
    Pass(60s);
    Sample(30, -59s);
    Sample(40);
    EXPECT_THAT(Look(), ElementsAre(30, 40)) << "at a long interval";
  }
}

TEST_F(SampleStampsTest, AnEmptyRingIsIdleness) {
  BeIdle(10s);
  BeBusy(2s, 50);
}

TEST_F(SampleStampsTest, AStrayNeitherCountsNorHides) {
  for (const base::Duration ahead : std::initializer_list<base::Duration>{8s, 20s, 40s, 1h}) {
    BeBusy(5s, 60);
    Sample(99, ahead);
    BeBusy(5s, 60);
    Pass(500ms);
    Sample(60);
    Sample(99, ahead);
    EXPECT_THAT(Look(), ElementsAre(60));
    // Until our clock has caught up with it, and the ring has let go of it.
    BeIdle(60s);
  }
}

TEST_F(SampleStampsTest, AStrayThatComesAloneIsDoubtedForOneSamplePeriod) {
  BeBusy(5s, 60);
  BeIdle(5s);
  Sample(99, 1h);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Look(), ElementsAre(kUnsure));
    Pass(500ms);
  }
  BeIdle(30s);
  BeBusy(5s, 60);
}

TEST_F(SampleStampsTest, AStrayInTheFirstLookHidesNothing) {
  Sample(99, 1h);
  Sample(60);
  EXPECT_THAT(Look(), ElementsAre(60));
  BeBusy(30s, 60);
}

TEST_F(SampleStampsTest, AStrayThatIsTheFirstLookHidesNothingForLong) {
  Sample(99, 10s);
  EXPECT_THAT(Look(), ElementsAre(99)) << "for who asks to judge";
  Pass(500ms);
  EXPECT_THAT(Look(), ElementsAre());
  Pass(500ms);
  Sample(60);
  EXPECT_THAT(Look(), ElementsAre(kUnsure));
  BeBusy(30s, 60);
}

TEST_F(SampleStampsTest, AClockThatIsSetForwardIsBelievedOnceLaterOnesFollow) {
  for (const base::Duration step : std::initializer_list<base::Duration>{3s, 20s, 1h}) {
    BeBusy(5s, 60);
    set_ += step;
    if (step > 5s) {
      Pass(1s);
      Sample(60);
      for (int i = 0; i < 10; ++i) {
        EXPECT_THAT(Look(), ElementsAre(kUnsure)) << "between two samples";
        Pass(100ms);
      }
    }
    BeBusy(5s, 60);
    BeIdle(20s);
    BeBusy(5s, 60);
  }
}

TEST_F(SampleStampsTest, AClockThatIsSetBackIsNoticed) {
  for (const base::Duration step : std::initializer_list<base::Duration>{2s, 10s, 1h}) {
    BeBusy(20s, 60);
    set_ -= step;
    int busy = 0;
    int idle = 0;
    for (int i = 0; i < 20; ++i) {
      Pass(500ms);
      Sample(60);
      const auto percents = Look();
      if (percents.empty()) {
        ++idle;
      } else if (percents != std::vector<unsigned int>{kUnsure}) {
        EXPECT_THAT(percents, Each(60));
        ++busy;
      }
    }
    // The first look cannot tell; a sample lasts longer.
    EXPECT_LE(idle, 1) << base::Seconds(step);
    EXPECT_GE(busy, 16) << base::Seconds(step);
    BeIdle(20s);
  }
}

TEST_F(SampleStampsTest, WhateverTheClockDoesItEndsInTheTruth) {
  std::mt19937 random(20261128);
  const auto draw = [&](int below) { return static_cast<int>(random() % below); };
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < 20; ++i) {
      Pass(std::chrono::milliseconds(100 + draw(2000)));
      if (draw(2) == 0) Sample(60);
      if (draw(10) == 0) Sample(99, std::chrono::seconds(draw(7200)));
      if (draw(10) == 0) set_ += std::chrono::seconds(draw(200) - 100);
      Look();
    }
    // The last strays and steps have left the ring.
    for (int i = 0; i < 60; ++i) {
      Pass(500ms);
      Sample(60);
      Look();
    }
    BeBusy(5s, 60);
    BeIdle(30s);
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

}  // namespace
}  // namespace kgs::gpu::nvml
