// SPDX-License-Identifier: Apache-2.0
#include "sampling/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sampling/source_test_fixture.h"

namespace kgs::sampling {
namespace {

using namespace std::chrono_literals;
using model::DeviceState;
using model::MetricId;
using model::Missing;
using model::Reading;

TEST_F(SourceTest, OpensThenReadsEveryGpu) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}, {.uuid = "GPU-b", .utilization = 20}});
  EXPECT_FALSE(source_.Health().open);
  EXPECT_NE(source_.Health().problem, "");
  EXPECT_TRUE(Round());
  EXPECT_FALSE(Utilization(0).has_value()) << "absent until read";
  EXPECT_FALSE(Round());
  EXPECT_TRUE(source_.Health().open);
  EXPECT_EQ(source_.Health().problem, "");
  EXPECT_EQ(source_.Health().driver_version, "1.0");
  EXPECT_EQ(Utilization(0).value(), 10);
  EXPECT_EQ(Utilization(1).value(), 20);
  EXPECT_EQ(Utilization(1).taken(), clock_.Now());
}

TEST_F(SourceTest, AMissingDriverIsTriedAgainWithBackOff) {
  driver_->SetOpenError(absl::UnavailableError("no driver"));
  std::vector<int> opens_by_second;
  for (int second = 0; second <= 70; ++second) {
    Round();
    opens_by_second.push_back(driver_->opens());
    clock_.Advance(1s);
  }
  EXPECT_EQ(source_.Health().problem, "no driver");
  EXPECT_EQ(source_.Health().closed_since, clock_.Now() - 71s);
  // At 0, 1, 3, 7, 15, 31 and then every 30 s.
  EXPECT_EQ(opens_by_second[0], 1);
  EXPECT_EQ(opens_by_second[1], 2);
  EXPECT_EQ(opens_by_second[2], 2);
  EXPECT_EQ(opens_by_second[3], 3);
  EXPECT_EQ(opens_by_second[31], 6);
  EXPECT_EQ(opens_by_second[60], 6);
  EXPECT_EQ(opens_by_second[61], 7);
  driver_->SetOpenError(absl::OkStatus());
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  clock_.Advance(30s);
  OpenAndRead();
  EXPECT_EQ(Utilization(0).value(), 10);
  EXPECT_EQ(source_.Health().closed_since, std::nullopt);
}

TEST_F(SourceTest, ADriverThatNeedsANewProcessIsReported) {
  absl::Status mismatch = absl::UnavailableError("mismatch");
  mismatch.SetPayload(std::string(gpu::kNeedsNewProcessPayload), absl::Cord());
  driver_->SetOpenError(mismatch);
  Round();
  EXPECT_TRUE(source_.Health().needs_new_process);
  driver_->SetOpenError(absl::OkStatus());
  clock_.Advance(1s);
  Round();
  EXPECT_FALSE(source_.Health().needs_new_process);
}

TEST_F(SourceTest, OneFailedReadingDoesNotHideAnother) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}, {.uuid = "GPU-b", .utilization = 20}});
  OpenAndRead();
  driver_->SetGpus({{.uuid = "GPU-a", .failure = {{Missing::kDriverError, "Unknown Error"}}},
                    {.uuid = "GPU-b", .utilization = 30}});
  Round();
  EXPECT_FALSE(Utilization(0).has_value());
  EXPECT_EQ(Utilization(0).detail(), "Unknown Error");
  EXPECT_EQ(Utilization(1).value(), 30);
}

TEST_F(SourceTest, TheLastValueStandsInWhileTheDriverHasNoSampleAndKeepsItsTime) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  OpenAndRead();
  const base::SteadyTime taken = clock_.Now();
  driver_->SetGpus({{.uuid = "GPU-a", .failure = {{Missing::kNotReady, "No Data"}}}});
  clock_.Advance(1s);
  Round();
  EXPECT_EQ(Utilization(0).value(), 10);
  EXPECT_EQ(Utilization(0).taken(), taken);
}

TEST_F(SourceTest, ALostGpuIsFoundByReopening) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}, {.uuid = "GPU-b", .utilization = 20}});
  OpenAndRead();
  driver_->SetGpus(
      {{.uuid = "GPU-a", .utilization = 11}, {.uuid = "GPU-b", .state = DeviceState::kLost}});
  Round();
  EXPECT_EQ(source_.Gpus()[1].state, DeviceState::kLost);
  EXPECT_EQ(source_.Gpus()[1].state_reason, "fakeRead: GPU is lost");
  EXPECT_EQ(Utilization(0).value(), 11);
  EXPECT_EQ(driver_->opens(), 1);
  clock_.Advance(1s);
  OpenAndRead();
  EXPECT_EQ(driver_->opens(), 2);
  EXPECT_EQ(source_.Gpus()[1].state, DeviceState::kLost) << "still lost after the reopen";
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 12}, {.uuid = "GPU-b", .utilization = 22}});
  clock_.Advance(1s);
  Round();
  EXPECT_EQ(driver_->opens(), 2) << "the second wait is twice the first";
  clock_.Advance(1s);
  OpenAndRead();
  EXPECT_EQ(source_.Gpus()[1].state, DeviceState::kPresent);
  EXPECT_EQ(Utilization(1).value(), 22);
}

TEST_F(SourceTest, AGpuThatComesBackByItselfNeedsNoReopen) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  OpenAndRead();
  driver_->SetGpus({{.uuid = "GPU-a", .state = DeviceState::kLost}});
  Round();
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 20}});
  Round();
  clock_.Advance(1min);
  Round();
  EXPECT_EQ(driver_->opens(), 1);
  EXPECT_EQ(Utilization(0).value(), 20);
}

TEST_F(SourceTest, AGpuThatIsNoLongerListedIsNotLookedForByReopening) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10},
                    {.uuid = "GPU-b", .state = DeviceState::kLost, .listed = false}});
  OpenAndRead();
  EXPECT_EQ(source_.Gpus()[1].state, DeviceState::kLost);
  clock_.Advance(1h);
  Round();
  EXPECT_EQ(driver_->opens(), 1);
}

TEST_F(SourceTest, AChangedGpuCountReopens) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  OpenAndRead();
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}, {.uuid = "GPU-b", .utilization = 20}});
  driver_->BreakSession();
  Round();
  EXPECT_EQ(driver_->opens(), 1);
  clock_.Advance(1s);
  OpenAndRead();
  EXPECT_EQ(Utilization(1).value(), 20);
}

TEST_F(SourceTest, ABrokenSessionIsReopened) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10, .session_broken = true}});
  OpenAndRead();
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 20}});
  clock_.Advance(1s);
  OpenAndRead();
  EXPECT_EQ(driver_->opens(), 2);
  EXPECT_EQ(Utilization(0).value(), 20);
}

TEST_F(SourceTest, AReopenLeavesNoGapInTheReadings) {
  driver_->SetGpus(
      {{.uuid = "GPU-a", .utilization = 10, .processes = model::ProcessUses{.processes = {{7}}}},
       {.uuid = "GPU-b", .utilization = 20}});
  OpenAndRead();
  const base::SteadyTime taken = clock_.Now();
  driver_->BreakSession();
  Round();
  // The other order: a reading belongs to a UUID, not to an index.
  const model::ProcessUses uses{.processes = {{8}}};
  driver_->SetGpus({{.uuid = "GPU-b", .utilization = 21},
                    {.uuid = "GPU-a", .utilization = 11, .processes = uses}});
  clock_.Advance(1s);
  EXPECT_TRUE(Round());
  EXPECT_EQ(source_.Gpus()[0].identity.uuid, "GPU-b");
  EXPECT_EQ(Utilization(0).value(), 20);
  EXPECT_EQ(Utilization(1).value(), 10);
  EXPECT_EQ(Utilization(1).taken(), taken) << "with its own time";
  EXPECT_FALSE(source_.Gpus()[0].processes.has_value());
  EXPECT_EQ(source_.Gpus()[1].processes.value().processes.at(0).pid, 7u);
  Round();
  EXPECT_EQ(Utilization(0).value(), 21);
  EXPECT_EQ(source_.Gpus()[1].processes.value().processes.at(0).pid, 8u);
}

TEST_F(SourceTest, ABusyGpuWithoutABusyProcessIsNotIdle) {
  const auto processes = [&](double of_gpu, double of_process) {
    model::ProcessUses uses{.taken = clock_.Now(), .processes = {{7, 1, of_process}}};
    driver_->SetGpus({{.uuid = "GPU-a", .utilization = of_gpu, .processes = uses}});
    Round();
    clock_.Advance(1s);
    return source_.Gpus().at(0).processes.value().utilization_problem;
  };
  const std::string why = "the driver has no sample of any process, though the GPU is busy";
  driver_->SetGpus({{.uuid = "GPU-a"}});
  OpenAndRead();
  for (int round = 0; round < 10; ++round) EXPECT_EQ(processes(5, 0), "") << "idle";
  for (int second = 0; second < 3; ++second) EXPECT_EQ(processes(90, 0), "") << "just ended";
  EXPECT_EQ(processes(90, 0), why);
  EXPECT_EQ(processes(6, 0), why);
  EXPECT_EQ(processes(90, 1), "");
  EXPECT_EQ(processes(90, 0), "") << "from the beginning";
  // Rounds that are far apart.
  clock_.Advance(1min);
  EXPECT_EQ(processes(90, 0), "");
  EXPECT_EQ(processes(90, 0), why);
}

TEST_F(SourceTest, AFailedReopenServesNothingOn) {
  driver_->SetGpus(
      {{.uuid = "GPU-a", .utilization = 10, .processes = model::ProcessUses{.processes = {{7}}}}});
  OpenAndRead();
  driver_->BreakSession();
  Round();
  driver_->SetOpenError(absl::UnavailableError("driver gone"));
  clock_.Advance(1s);
  Round();
  EXPECT_FALSE(source_.Health().open);
  ASSERT_EQ(source_.Gpus().size(), 1u) << "the GPU is still known";
  EXPECT_FALSE(Utilization(0).has_value());
  EXPECT_EQ(Utilization(0).detail(), "driver gone");
  EXPECT_FALSE(source_.Gpus()[0].processes.has_value());
}

TEST_F(SourceTest, GpusThatNeverGiveAnythingReopenTheDriver) {
  driver_->SetGpus({{.uuid = "GPU-a", .failure = {{Missing::kDriverError, "Unknown Error"}}}});
  OpenAndRead();
  Round();
  Round();
  clock_.Advance(1s);
  EXPECT_TRUE(Round());
  EXPECT_EQ(driver_->opens(), 2);
}

TEST_F(SourceTest, ReadsSlowerThanARoundAreNoReasonToReopenAtALongInterval) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  driver_->read_gates[0].Open();
  OpenAndRead();
  held_ = true;
  for (int round = 0; round < 6; ++round) {
    driver_->read_gates[0].Close();
    Round();
    driver_->read_gates[0].Open();
    AwaitIdle("fake-0");
    clock_.Advance(10s);
  }
  EXPECT_EQ(driver_->opens(), 1);
}

TEST_F(SourceTest, ACheckSlowerThanARoundStillReopensABrokenSession) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  OpenAndRead();
  driver_->BreakSession();
  driver_->check_gate.Close();
  held_ = true;
  Round();
  driver_->check_gate.AwaitHeld();
  driver_->check_gate.Open();
  AwaitIdle("fake");
  Round();  // sees the broken session
  driver_->check_gate.Close();
  Round();  // a round in which the next Check is under way
  driver_->check_gate.Open();
  AwaitIdle("fake");
  held_ = false;
  clock_.Advance(1s);
  Round();
  EXPECT_EQ(driver_->opens(), 2);
}

TEST_F(SourceTest, ALostGpusLongWaitDoesNotDelayTheRepairOfABrokenSession) {
  driver_->SetGpus(
      {{.uuid = "GPU-a", .utilization = 10}, {.uuid = "GPU-b", .state = DeviceState::kLost}});
  OpenAndRead();
  for (int second = 0; second < 120; ++second) {
    clock_.Advance(1s);
    Round();
  }
  const int opens = driver_->opens();
  driver_->BreakSession();
  Round();
  clock_.Advance(1s);
  Round();
  EXPECT_EQ(driver_->opens(), opens + 1);
}

TEST_F(SourceTest, ReopeningForWantOfReadingsBacksOff) {
  driver_->SetGpus({{.uuid = "GPU-a", .failure = {{Missing::kDriverError, "Unknown Error"}}}});
  for (int second = 0; second < 300; ++second) {
    clock_.Advance(1s);
    Round();
  }
  // About every 5 s without back-off; every 30 s and the rounds it takes to notice with it.
  EXPECT_GT(driver_->opens(), 6);
  EXPECT_LT(driver_->opens(), 16);
}

TEST_F(SourceTest, GpusThatSupportNothingAreNoReasonToReopen) {
  driver_->SetGpus({{.uuid = "GPU-a", .failure = {{Missing::kUnsupported, "Not Supported"}}}});
  OpenAndRead();
  for (int second = 0; second < 60; ++second) {
    clock_.Advance(1s);
    Round();
  }
  EXPECT_EQ(Utilization(0).reason(), Missing::kUnsupported);
  EXPECT_EQ(driver_->opens(), 1);
}

TEST_F(SourceTest, AMetricThatTurnsUnsupportedIsAFailureAcrossReopensToo) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 90}});
  OpenAndRead();
  driver_->SetGpus({{.uuid = "GPU-a", .failure = {{Missing::kUnsupported, "Not Supported"}}}});
  Round();
  EXPECT_EQ(Utilization(0).reason(), Missing::kDriverError);
  EXPECT_EQ(Utilization(0).detail(), "Not Supported, which it was before");
  driver_->BreakSession();
  Round();
  clock_.Advance(1s);
  OpenAndRead();
  EXPECT_EQ(Utilization(0).reason(), Missing::kDriverError);
}

TEST_F(SourceTest, AMetricThatWentToMigDevicesIsNoFailure) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 90}});
  OpenAndRead();
  driver_->SetGpus({{.uuid = "GPU-a", .failure = {{Missing::kOfMigDevices, "MIG is enabled"}}}});
  Round();
  EXPECT_EQ(Utilization(0).reason(), Missing::kOfMigDevices);
  EXPECT_TRUE(Utilization(0).NotOffered());
}

TEST_F(SourceTest, AHungCallStopsNeitherTheRoundNorTheOtherGpus) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}, {.uuid = "GPU-b", .utilization = 20}});
  driver_->read_gates[1].Open();
  OpenAndRead();
  driver_->read_gates[1].Close();
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 11}, {.uuid = "GPU-b", .utilization = 21}});
  held_ = true;
  Round();
  driver_->read_gates[1].AwaitHeld();
  EXPECT_EQ(Utilization(0).value(), 11);
  EXPECT_EQ(Utilization(1).value(), 20) << "the last value, with its own time";
  EXPECT_EQ(source_.Gpus()[1].hung_call, "") << "not yet";
  clock_.Advance(2s);
  Round();
  EXPECT_EQ(source_.Gpus()[1].hung_call, "fakeRead");
  EXPECT_EQ(source_.Gpus()[0].hung_call, "");
  const auto lanes = source_.Lanes();
  ASSERT_EQ(lanes.size(), 3u);
  EXPECT_EQ(lanes[2].busy_since, clock_.Now() - 2s);
  EXPECT_EQ(lanes[2].doing, "fakeRead");
  driver_->read_gates[1].Open();
  held_ = false;
  AwaitIdle("fake-1");
  Round();
  EXPECT_EQ(source_.Gpus()[1].hung_call, "");
  EXPECT_EQ(Utilization(1).value(), 21);
}

TEST_F(SourceTest, ADriverWithACallStuckInItIsNotReopened) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}, {.uuid = "GPU-b", .utilization = 20}});
  driver_->read_gates[1].Close();
  held_ = true;
  OpenAndRead();
  driver_->BreakSession();
  Round();
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(1min);
    Round();
  }
  EXPECT_EQ(driver_->opens(), 1);
  EXPECT_EQ(Utilization(0).taken(), clock_.Now()) << "the other GPU is read on";
}

TEST_F(SourceTest, AHungOpenIsNamed) {
  driver_->open_gate.Close();
  held_ = true;
  Round();
  clock_.Advance(2s);
  Round();
  EXPECT_FALSE(source_.Health().open);
  EXPECT_EQ(source_.Health().problem, "fakeOpen has not returned");
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  driver_->open_gate.Open();
  AwaitIdle("fake");
  OpenAndRead();
  EXPECT_EQ(Utilization(0).value(), 10);
}

TEST_F(SourceTest, StopClosesTheDriver) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  OpenAndRead();
  EXPECT_TRUE(source_.StopUntil(std::chrono::steady_clock::now() + 1min));
  EXPECT_EQ(driver_->closes(), 1);
}

TEST_F(SourceTest, StopSaysWhenACallIsStuck) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 10}});
  driver_->read_gates[0].Close();
  held_ = true;
  OpenAndRead();
  driver_->read_gates[0].AwaitHeld();
  EXPECT_FALSE(source_.StopUntil(std::chrono::steady_clock::now()));
  EXPECT_EQ(driver_->closes(), 0) << "a driver that is in use is not closed";
}

}  // namespace
}  // namespace kgs::sampling
