// SPDX-License-Identifier: Apache-2.0
//
// Letting go of the driver, so that others can reset its GPUs or replace it.
#include <gtest/gtest.h>

#include "sampling/source_test_fixture.h"

namespace kgs::sampling {
namespace {

using namespace std::chrono_literals;
using model::DeviceState;
using model::MetricId;
using model::Missing;

constexpr const char* kReason = "the driver is let go of, as SIGUSR1 asked";

class ReleaseTest : public SourceTest {
 protected:
  void ExpectNoReadings() {
    for (const model::GpuSnapshot& gpu : source_.Gpus()) {
      for (const model::Reading& reading : gpu.readings) {
        EXPECT_FALSE(reading.has_value());
        EXPECT_EQ(reading.detail(), kReason);
      }
    }
    EXPECT_FALSE(source_.Health().open);
    EXPECT_EQ(source_.Health().problem, kReason);
  }
};

TEST_F(ReleaseTest, ClosesTheDriverAndCallsNothingUntilItIsOver) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10, .slow_pcie_tx = 7}, {.uuid = "GPU-b"}});
  wanted_.set();
  OpenAndRead();
  AwaitIdle("fake-0-slow");
  release_ = true;
  Round();
  EXPECT_EQ(driver_->closes(), 1);
  EXPECT_TRUE(source_.Health().released);
  const int calls = driver_->calls();
  for (int second = 0; second < 60; ++second) {
    clock_.Advance(1s);
    Round();
    ExpectNoReadings();
  }
  EXPECT_EQ(driver_->calls(), calls);
  ASSERT_EQ(source_.Gpus().size(), 2u) << "they stay listed";
  EXPECT_EQ(source_.Gpus()[0].state, DeviceState::kPresent);
  EXPECT_FALSE(source_.unsettled());
  release_ = false;
  OpenAndRead();
  EXPECT_EQ(driver_->opens(), 2) << "at once";
  EXPECT_FALSE(source_.Health().released);
  EXPECT_TRUE(source_.Health().open);
  EXPECT_EQ(Utilization(0).value(), 10);
}

TEST_F(ReleaseTest, WaitsForACallThatIsUnderWay) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}, {.uuid = "GPU-b", .utilization = 20}});
  OpenAndRead();
  driver_->read_gates[1].Close();
  held_ = true;
  Round();
  driver_->read_gates[1].AwaitHeld();
  release_ = true;
  const int calls = driver_->calls();
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(1s);
    Round();
    ExpectNoReadings();
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  const std::string delay = "the driver cannot be let go of yet";
  EXPECT_NE(log.find(delay), std::string::npos) << log;
  EXPECT_EQ(log.find(delay), log.rfind(delay)) << "once: " << log;
  EXPECT_EQ(driver_->closes(), 0) << "a driver that is in use is not closed";
  EXPECT_EQ(driver_->calls(), calls) << "nor is any GPU asked meanwhile";
  EXPECT_FALSE(source_.Health().released);
  EXPECT_TRUE(source_.unsettled());
  driver_->read_gates[1].Open();
  held_ = false;
  AwaitIdle("fake-1");
  Round();
  EXPECT_EQ(driver_->closes(), 1) << "as soon as it is idle";
  EXPECT_TRUE(source_.Health().released);
  ExpectNoReadings();
}

TEST_F(ReleaseTest, WaitsForASlowCallToo) {
  driver_->SetGpus({{.uuid = "GPU-a", .slow_pcie_tx = 7}});
  wanted_.set();
  OpenAndRead();
  driver_->slow_gates[0].Close();
  Round();
  driver_->slow_gates[0].AwaitHeld();
  release_ = true;
  Round();
  EXPECT_EQ(driver_->closes(), 0);
  driver_->slow_gates[0].Open();
  AwaitIdle("fake-0-slow");
  Round();
  EXPECT_EQ(driver_->closes(), 1);
  ExpectNoReadings();
}

TEST_F(ReleaseTest, WhatACallBringsAtTheLastMomentIsNotKept) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  OpenAndRead();
  // A race: whether the call ends just while the driver is let go of differs from one time to the
  // next, and what is served must not.
  for (int delay = 0; delay < 400; ++delay) {
    driver_->read_gates[0].Close();
    source_.BeginRound({wanted_, false});
    driver_->read_gates[0].AwaitHeld();
    std::thread opener([&] { driver_->read_gates[0].Open(); });
    const auto until = std::chrono::steady_clock::now() + delay * 100ns;
    while (std::chrono::steady_clock::now() < until) {
    }
    source_.BeginRound({wanted_, true});
    opener.join();
    AwaitIdle("fake-0");
    AwaitIdle("fake");
    source_.FinishRound();
    while (!source_.Health().released) {
      source_.BeginRound({wanted_, true});
      AwaitIdle("fake");
      source_.FinishRound();
    }
    ExpectNoReadings();
    if (HasFailure()) break;
    OpenAndRead();
    ASSERT_TRUE(Utilization(0).has_value());
  }
}

TEST_F(ReleaseTest, AnOpenUnderWayIsWaitedForAndClosed) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  driver_->open_gate.Close();
  held_ = true;
  Round();
  driver_->open_gate.AwaitHeld();
  release_ = true;
  Round();
  EXPECT_EQ(driver_->closes(), 0);
  driver_->open_gate.Open();
  AwaitIdle("fake");
  held_ = false;
  Round();
  Round();
  EXPECT_EQ(driver_->closes(), 1);
  EXPECT_TRUE(source_.Health().released);
  ExpectNoReadings();
}

TEST_F(ReleaseTest, ADriverThatIsMissingIsNotLookedForMeanwhile) {
  driver_->SetOpenError(absl::UnavailableError("no driver"));
  Round();
  release_ = true;
  Round();
  EXPECT_TRUE(source_.Health().released);
  const int calls = driver_->calls();
  for (int second = 0; second < 60; ++second) {
    clock_.Advance(1s);
    Round();
  }
  EXPECT_EQ(driver_->calls(), calls);
  EXPECT_EQ(source_.Health().closed_since, std::nullopt);
  release_ = false;
  Round();
  EXPECT_EQ(source_.Health().problem, "no driver");
  EXPECT_EQ(source_.Health().closed_since, clock_.Now());
}

TEST_F(ReleaseTest, ACloseThatHangsIsNamedAndTheDriverOpenedOnlyAfterIt) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  OpenAndRead();
  driver_->close_gate.Close();
  held_ = true;
  release_ = true;
  Round();
  driver_->close_gate.AwaitHeld();
  clock_.Advance(2s);
  Round();
  EXPECT_EQ(source_.Health().problem, "fakeOpen has not returned");
  EXPECT_FALSE(source_.Health().released);
  release_ = false;
  Round();
  EXPECT_EQ(driver_->opens(), 1);
  driver_->close_gate.Open();
  AwaitIdle("fake");
  held_ = false;
  Round();
  OpenAndRead();
  EXPECT_EQ(driver_->opens(), 2);
  EXPECT_EQ(Utilization(0).value(), 10);
}

TEST_F(ReleaseTest, WhatIsCalledOffInTimeClosesNothing) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  driver_->read_gates[0].Close();
  held_ = true;
  OpenAndRead();
  driver_->read_gates[0].AwaitHeld();
  release_ = true;
  Round();
  release_ = false;
  driver_->read_gates[0].Open();
  AwaitIdle("fake-0");
  held_ = false;
  Round();
  EXPECT_EQ(driver_->closes(), 0);
  EXPECT_EQ(driver_->opens(), 1);
  EXPECT_EQ(Utilization(0).value(), 10);
}

TEST_F(ReleaseTest, XidsOfTheLastCheckAreCounted) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  OpenAndRead();
  driver_->AddXid("GPU-a", 79);
  driver_->check_gate.Close();
  held_ = true;
  Round();
  driver_->check_gate.AwaitHeld();
  release_ = true;
  driver_->check_gate.Open();
  AwaitIdle("fake");
  held_ = false;
  Round();
  ASSERT_EQ(source_.Gpus()[0].health.xids.size(), 1u);
}

TEST_F(ReleaseTest, StopCallsNothing) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  OpenAndRead();
  release_ = true;
  Round();
  const int calls = driver_->calls();
  EXPECT_TRUE(source_.StopUntil(std::chrono::steady_clock::now() + 1min));
  EXPECT_EQ(driver_->calls(), calls);
}

}  // namespace
}  // namespace kgs::sampling
