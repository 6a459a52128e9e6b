// SPDX-License-Identifier: Apache-2.0
//
// Metrics that block for long: read on a lane of their own, and only while they are wanted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sampling/source_test_fixture.h"

namespace kgs::sampling {
namespace {

using namespace std::chrono_literals;
using model::DeviceState;
using model::MetricId;
using model::Missing;
using model::Reading;

class SlowLaneTest : public SourceTest {
 protected:
  void Want(MetricId metric) { wanted_.set(model::Index(metric)); }
  Reading Pcie(size_t gpu = 0) { return Of(gpu, MetricId::kPcieTxKbps); }
  bool HasLane(const std::string& name) {
    return std::ranges::any_of(source_.Lanes(),
                               [&](const LaneStatus& lane) { return lane.name == name; });
  }
  /// Rounds in which the slow lane gets work and is done with it.
  void ReadSlowly() {
    Round();
    AwaitIdle("fake-0-slow");
    Round();
    AwaitIdle("fake-0-slow");
  }
};

TEST_F(SlowLaneTest, IsNeitherThereNorReadWhileNobodyAsks) {
  driver_->SetGpus({{.uuid = "GPU-a", .slow_pcie_tx = 7}});
  Want(MetricId::kGpuUtilization);
  OpenAndRead();
  Round();
  EXPECT_EQ(Pcie().reason(), Missing::kNotRequested);
  EXPECT_EQ(Pcie().detail(), "fakeReadSlow blocks");
  EXPECT_EQ(driver_->slow_reads(), 0);
  EXPECT_FALSE(HasLane("fake-0-slow"));
}

TEST_F(SlowLaneTest, IsReadWhileSomebodyAsksAndForgottenAtOnceAfterwards) {
  driver_->SetGpus({{.uuid = "GPU-a", .slow_pcie_tx = 7}});
  Want(MetricId::kPcieTxKbps);
  driver_->slow_gates[0].Close();
  OpenAndRead();
  EXPECT_EQ(Pcie().reason(), Missing::kNotSampledYet);
  driver_->slow_gates[0].Open();
  ReadSlowly();
  EXPECT_TRUE(HasLane("fake-0-slow"));
  EXPECT_EQ(Pcie().value(), 7);
  EXPECT_EQ(Pcie().taken(), clock_.Now());
  wanted_.reset();
  const int reads = driver_->slow_reads();
  Round();
  EXPECT_EQ(Pcie().reason(), Missing::kNotRequested);
  Want(MetricId::kPcieTxKbps);
  driver_->slow_gates[0].Close();
  Round();
  driver_->slow_gates[0].AwaitHeld();
  EXPECT_EQ(driver_->slow_reads(), reads + 1);
  EXPECT_FALSE(Pcie().has_value()) << "a value of before is not served again";
}

TEST_F(SlowLaneTest, TheFastLaneNeverWaitsForIt) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10, .slow_pcie_tx = 7}});
  Want(MetricId::kPcieTxKbps);
  OpenAndRead();
  ReadSlowly();
  const base::SteadyTime taken = clock_.Now();
  driver_->slow_gates[0].Close();
  Round();
  driver_->slow_gates[0].AwaitHeld();
  const int reads = driver_->slow_reads();
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(100ms);
    // Waits for all that the round has to wait for: a slow call among it would hold it for ever.
    Round();
    EXPECT_EQ(Utilization(0).taken(), clock_.Now());
  }
  EXPECT_EQ(driver_->slow_reads(), reads) << "one call at a time";
  EXPECT_EQ(Pcie().value(), 7) << "the last value, with its own time";
  EXPECT_EQ(Pcie().taken(), taken);
}

TEST_F(SlowLaneTest, IsReadOnceARoundAtMost) {
  driver_->SetGpus({{.uuid = "GPU-a", .slow_pcie_tx = 7}});
  Want(MetricId::kPcieTxKbps);
  OpenAndRead();
  AwaitIdle("fake-0-slow");
  const int reads = driver_->slow_reads();
  for (int i = 0; i < 4; ++i) {
    Round();
    AwaitIdle("fake-0-slow");
  }
  EXPECT_EQ(driver_->slow_reads(), reads + 4);
}

TEST_F(SlowLaneTest, ACallThatHangsIsNamedAndTheGpuIsReadOn) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10, .slow_pcie_tx = 7}});
  Want(MetricId::kPcieTxKbps);
  driver_->slow_gates[0].Close();
  OpenAndRead();
  Round();
  driver_->slow_gates[0].AwaitHeld();
  clock_.Advance(2s);
  Round();
  EXPECT_EQ(Pcie().reason(), Missing::kDriverError);
  EXPECT_EQ(Pcie().detail(), "fakeReadSlow has not returned");
  EXPECT_EQ(source_.Gpus()[0].hung_call, "") << "its other readings are good";
  EXPECT_EQ(source_.Gpus()[0].hung_slow_call, "fakeReadSlow");
  EXPECT_EQ(Utilization(0).taken(), clock_.Now());
  EXPECT_EQ(source_.Lanes().back().doing, "fakeReadSlow");
  // A driver with a call in it is not closed.
  driver_->BreakSession();
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(1min);
    Round();
  }
  EXPECT_EQ(driver_->opens(), 1);
  EXPECT_EQ(Utilization(0).taken(), clock_.Now());
  driver_->slow_gates[0].Open();
  AwaitIdle("fake-0-slow");
  Round();
  EXPECT_EQ(driver_->opens(), 2) << "as soon as it is idle";
}

TEST_F(SlowLaneTest, ASlowCallIsWaitedForBeforeAReopen) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10, .slow_pcie_tx = 7}});
  Want(MetricId::kPcieTxKbps);
  OpenAndRead();
  driver_->slow_gates[0].Close();
  driver_->BreakSession();
  Round();
  driver_->slow_gates[0].AwaitHeld();
  clock_.Advance(1s);
  Round();
  EXPECT_EQ(driver_->opens(), 1);
  driver_->slow_gates[0].Open();
  AwaitIdle("fake-0-slow");
  OpenAndRead();
  EXPECT_EQ(driver_->opens(), 2);
  EXPECT_EQ(Pcie().value(), 7) << "what was read goes on over the reopen";
}

TEST_F(SlowLaneTest, NothingOfAClosedDriverIsServedOn) {
  driver_->SetGpus({{.uuid = "GPU-a", .slow_pcie_tx = 7}});
  Want(MetricId::kPcieTxKbps);
  OpenAndRead();
  ReadSlowly();
  driver_->BreakSession();
  driver_->SetOpenError(absl::UnavailableError("driver gone"));
  Round();
  AwaitIdle("fake-0-slow");
  clock_.Advance(1s);
  Round();
  EXPECT_EQ(Pcie().detail(), "driver gone");
}

TEST_F(SlowLaneTest, ALostGpuIsNotReadSlowly) {
  driver_->SetGpus({{.uuid = "GPU-a", .slow_pcie_tx = 7}});
  Want(MetricId::kPcieTxKbps);
  OpenAndRead();
  driver_->SetGpus({{.uuid = "GPU-a", .state = DeviceState::kLost, .slow_pcie_tx = 7}});
  Round();
  AwaitIdle("fake-0-slow");
  const int reads = driver_->slow_reads();
  Round();
  EXPECT_EQ(driver_->slow_reads(), reads);
  EXPECT_FALSE(Pcie().has_value());
}

TEST_F(SlowLaneTest, AGpuThatOffersNothingElseIsNoReasonToReopen) {
  driver_->SetGpus({{.uuid = "GPU-a",
                     .failure = {{Missing::kUnsupported, "Not Supported"}},
                     .slow_pcie_tx = 7}});
  OpenAndRead();
  for (int second = 0; second < 60; ++second) {
    clock_.Advance(1s);
    Round();
  }
  EXPECT_EQ(Pcie().reason(), Missing::kNotRequested);
  EXPECT_EQ(driver_->opens(), 1);
}

TEST_F(SlowLaneTest, StopWaitsForItAndSaysWhereItIsStuck) {
  driver_->SetGpus({{.uuid = "GPU-a", .slow_pcie_tx = 7}});
  Want(MetricId::kPcieTxKbps);
  OpenAndRead();
  driver_->slow_gates[0].Close();
  Round();
  driver_->slow_gates[0].AwaitHeld();
  EXPECT_FALSE(source_.StopUntil(std::chrono::steady_clock::now()));
  EXPECT_EQ(driver_->closes(), 0) << "a driver that is in use is not closed";
}

// --- MIG devices ---

TEST_F(SlowLaneTest, AMigDeviceHasWhatItSharesFromItsGpu) {
  driver_->SetGpus({{.uuid = "GPU-a", .slow_pcie_tx = 7, .temperature = 60},
                    {.uuid = "MIG-b",
                     .utilization = 30,
                     .slow_pcie_tx = 99,
                     .temperature = 1,
                     .mig = model::MigPlace{.parent_uuid = "GPU-a"}}});
  Want(MetricId::kPcieTxKbps);
  OpenAndRead();
  ReadSlowly();
  EXPECT_EQ(Utilization(1).value(), 30) << "its own";
  EXPECT_EQ(Of(1, MetricId::kTemperature).value(), 60);
  EXPECT_EQ(Pcie(1).value(), 7);
  EXPECT_FALSE(HasLane("fake-1-slow")) << "what it takes from its GPU is read there alone";
}

// --- Health ---

TEST_F(SlowLaneTest, XidsAndTheRecoveryActionOutliveTheSession) {
  driver_->SetGpus({{.uuid = "GPU-a", .recovery_action = "reset"}, {.uuid = "GPU-b"}});
  OpenAndRead();
  driver_->AddXid("GPU-a", 79);
  driver_->AddXid("GPU-a", 79);
  Round();
  const base::SteadyTime last = clock_.Now();
  driver_->BreakSession();
  Round();
  clock_.Advance(1s);
  ASSERT_TRUE(Round());
  const std::vector<model::GpuSnapshot> gpus = source_.Gpus();
  ASSERT_EQ(gpus[0].health.xids.size(), 1u);
  EXPECT_EQ(gpus[0].health.xids[0].code, 79u);
  EXPECT_EQ(gpus[0].health.xids[0].count, 2u);
  EXPECT_EQ(gpus[0].health.xids[0].last, last);
  EXPECT_EQ(gpus[0].health.recovery_action, "reset");
  EXPECT_TRUE(gpus[1].health.xids.empty());
  EXPECT_EQ(gpus[1].health.recovery_action, "");
  driver_->SetGpus({{.uuid = "GPU-a"}, {.uuid = "GPU-b"}});
  Round();
  EXPECT_EQ(source_.Gpus()[0].health.recovery_action, "") << "that of the last reading";
}

}  // namespace
}  // namespace kgs::sampling
