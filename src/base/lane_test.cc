// SPDX-License-Identifier: Apache-2.0
#include "base/lane.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/gate.h"

namespace kgs::base {
namespace {

using kgs::testing::Gate;

SteadyTime SoonEnough() { return std::chrono::steady_clock::now() + std::chrono::minutes(1); }

void AwaitIdle(const Lane& lane) {
  while (lane.busy()) std::this_thread::yield();
}

TEST(Lane, RunsOneTaskAfterAnother) {
  Lane lane("lane");
  std::atomic<int> runs{0};
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(lane.TryRun([&] { ++runs; }));
    AwaitIdle(lane);
    EXPECT_EQ(runs, i);
  }
}

TEST(Lane, RefusesATaskWhileBusy) {
  auto gate = std::make_shared<Gate>();
  gate->Close();
  Lane lane("lane");
  ASSERT_TRUE(lane.TryRun([gate] { gate->Pass(); }));
  gate->AwaitHeld();
  EXPECT_TRUE(lane.busy());
  EXPECT_FALSE(lane.TryRun([] { FAIL() << "must not run"; }));
  gate->Open();
  AwaitIdle(lane);
  EXPECT_TRUE(lane.TryRun([] {}));
}

TEST(Lane, StopWaitsForATaskThatReturns) {
  std::atomic<bool> ran{false};
  Lane lane("lane");
  ASSERT_TRUE(lane.TryRun([&] { ran = true; }));
  EXPECT_TRUE(lane.StopUntil(SoonEnough()));
  EXPECT_TRUE(ran);
  EXPECT_FALSE(lane.TryRun([] {}));
  EXPECT_TRUE(lane.StopUntil(SoonEnough())) << "stopping twice is harmless";
}

TEST(Lane, LeavesAStuckTaskBehind) {
  auto gate = std::make_shared<Gate>();
  auto returned = std::make_shared<std::atomic<bool>>(false);
  gate->Close();
  {
    Lane lane("lane");
    ASSERT_TRUE(lane.TryRun([gate, returned] {
      gate->Pass();
      *returned = true;
    }));
    gate->AwaitHeld();
    EXPECT_FALSE(lane.StopUntil(std::chrono::steady_clock::now()));
  }
  gate->Open();
  while (!*returned) std::this_thread::yield();
}

}  // namespace
}  // namespace kgs::base
