// SPDX-License-Identifier: Apache-2.0
#include "fleet/clock_offset.h"

#include <gtest/gtest.h>

#include <limits>

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::SteadyTime;

/// The other process: its clock began 1000 s after ours, and may run at another rate.
class Other {
 public:
  explicit Other(double rate = 1) : rate_(rate) {}
  /// What its clock shows at our \p time.
  int64_t At(SteadyTime time) const {
    const auto since = std::chrono::nanoseconds(time.time_since_epoch() - 1000s).count();
    return static_cast<int64_t>(static_cast<double>(since) * rate_);
  }

 private:
  const double rate_;
};

constexpr SteadyTime kStart{std::chrono::hours(2)};

/// How much younger than it is a reading of our time \p taken would seem.
Duration Younger(const ClockOffset& offset, const Other& other, SteadyTime taken) {
  return *offset.ToOurs(other.At(taken)) - taken;
}

TEST(ClockOffset, KnowsNothingBeforeTheFirstMessage) {
  EXPECT_EQ(ClockOffset().ToOurs(0), std::nullopt);
}

TEST(ClockOffset, IsTheShortestWayOff) {
  const Other other;
  ClockOffset offset;
  const Duration ways[] = {30ms, 8ms, 3ms, 90ms, 4ms};
  SteadyTime sent = kStart;
  for (const Duration way : ways) {
    offset.Add(other.At(sent), sent + way);
    sent += 1s;
  }
  EXPECT_EQ(Younger(offset, other, sent), 3ms);
  EXPECT_EQ(Younger(offset, other, sent - 500ms), 3ms);
}

TEST(ClockOffset, WhatWaitedInABufferIsOld) {
  const Other other;
  ClockOffset offset;
  offset.Add(other.At(kStart), kStart + 2ms);
  // Sent each second, all let through at once after 10 s.
  const SteadyTime freed = kStart + 11s;
  for (int i = 1; i <= 10; ++i) {
    const SteadyTime sent = kStart + std::chrono::seconds(i);
    offset.Add(other.At(sent), freed);
    EXPECT_EQ(freed - *offset.ToOurs(other.At(sent)), freed - sent - 2ms);
  }
}

TEST(ClockOffset, AFirstMessageThatCameLateIsMendedByTheNext) {
  const Other other;
  ClockOffset offset;
  offset.Add(other.At(kStart), kStart + 5s);
  EXPECT_EQ(Younger(offset, other, kStart), 5s);
  offset.Add(other.At(kStart + 5s), kStart + 5s + 1ms);
  EXPECT_EQ(Younger(offset, other, kStart), 1ms);
}

TEST(ClockOffset, ForgetsAWayAfterNineToTenMinutes) {
  const Other other;
  ClockOffset offset;
  offset.Add(other.At(kStart), kStart + 1ms);
  SteadyTime sent = kStart;
  const auto run_until = [&](Duration since_start) {
    for (; sent < kStart + since_start; sent += 1s) {
      if (sent > kStart) offset.Add(other.At(sent), sent + 20ms);
    }
  };
  run_until(9min);
  EXPECT_EQ(Younger(offset, other, sent), 1ms);
  run_until(ClockOffset::kWindow + 1s);
  EXPECT_EQ(Younger(offset, other, sent), 20ms);
}

// A hub that was stopped for hours finds in its buffers what came in meanwhile.
TEST(ClockOffset, WhatWaitedThroughALongSilenceIsSeenToBeOld) {
  const Other other;
  ClockOffset offset;
  offset.Add(other.At(kStart), kStart + 1ms);
  const SteadyTime sent = kStart + 1s;
  offset.Add(other.At(sent), sent + 3h + 7min);
  EXPECT_EQ(Younger(offset, other, sent), 1ms) << "as old as it is, but for the shortest way";
}

// What was known before is no use for long: clocks drift.
TEST(ClockOffset, StartsAnewInTheMinuteAfterALongSilence) {
  const Other other;
  ClockOffset offset;
  offset.Add(other.At(kStart), kStart + 1ms);
  SteadyTime sent = kStart + 3h + 7min;
  offset.Add(other.At(sent), sent + 40ms);
  EXPECT_EQ(Younger(offset, other, sent), 1ms);
  sent += 1min;
  offset.Add(other.At(sent), sent + 40ms);
  EXPECT_EQ(Younger(offset, other, sent), 40ms);
}

// Clocks of computers run up to 100 ppm off: 60 ms in the window.
TEST(ClockOffset, FollowsAClockThatDrifts) {
  for (const double rate : {0.9999, 1.0001}) {
    const Other other(rate);
    ClockOffset offset;
    for (SteadyTime sent = kStart; sent < kStart + 2h; sent += 1s) {
      offset.Add(other.At(sent), sent + 1ms);
      const Duration younger = Younger(offset, other, sent);
      ASSERT_LE(younger, 1ms) << "never younger than by the shortest way";
      ASSERT_GE(younger, 1ms - 61ms);
    }
  }
}

// A stalled hub or a stopped one: whatever arrives when, nothing seems younger than the shortest
// way so far allows.
TEST(ClockOffset, NothingSeemsYoungerThanTheShortestWay) {
  const Other other;
  ClockOffset offset;
  uint32_t random = 12345;
  Duration shortest = Duration::max();
  SteadyTime sent = kStart;
  SteadyTime last_received = kStart;
  for (int i = 0; i < 2000; ++i) {
    random = random * 1664525 + 1013904223;
    const Duration way = std::chrono::milliseconds(1 + (random >> 16) % 4000);
    last_received = std::max(last_received, sent + way);
    offset.Add(other.At(sent), last_received);
    shortest = std::min(shortest, last_received - sent);
    const Duration younger = Younger(offset, other, sent);
    ASSERT_LE(younger, last_received - sent);
    if (sent < kStart + 9min) {
      ASSERT_EQ(younger, shortest);
    }
    sent += 1s;
  }
}

TEST(ClockOffset, TimesThatAreNoneAreNotTaken) {
  ClockOffset offset;
  offset.Add(std::numeric_limits<int64_t>::min(), kStart);
  offset.Add(std::numeric_limits<int64_t>::max(), kStart);
  EXPECT_EQ(offset.ToOurs(0), std::nullopt);
  offset.Add(0, kStart);
  EXPECT_EQ(offset.ToOurs(0), kStart);
  EXPECT_EQ(offset.ToOurs(std::numeric_limits<int64_t>::max()), std::nullopt);
  EXPECT_NE(offset.ToOurs(ClockOffset::kFurthestNs), std::nullopt);
}

}  // namespace
}  // namespace kgs::fleet
