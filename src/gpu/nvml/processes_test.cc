// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/processes.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "gpu/nvml/nvml_test_fixture.h"

namespace kgs::gpu::nvml {
namespace {

using namespace std::chrono_literals;
using model::ProcessUse;
using model::ProcessUses;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kMib = 1024 * 1024;
constexpr char kCompute[] = "nvmlDeviceGetComputeRunningProcesses_v3";
constexpr char kUtilization[] = "nvmlDeviceGetProcessUtilization";
constexpr char kStampsDoNotFit[] =
    "the time stamps of the driver's samples by process do not fit the time";

MATCHER_P3(Uses, pid, memory_bytes, utilization, "") {
  *result_listener << "pid " << arg.pid << " memory "
                   << (arg.memory_bytes ? std::to_string(*arg.memory_bytes) : "unknown") << " at "
                   << arg.utilization;
  return arg.pid == pid && arg.memory_bytes == memory_bytes && arg.utilization == utilization;
}

std::optional<uint64_t> Mib(uint64_t mib) { return mib * kMib; }
constexpr std::optional<uint64_t> kUnknown;

class ProcessesTest : public NvmlTest {
 protected:
  explicit ProcessesTest(const std::string& library = FAKE_NVML) : NvmlTest(library) {}

  /// A session with one GPU that \p script describes.
  void OpenGpu(const std::string& script) {
    Open("gpu\n" + script);
    const auto loaded = Library::Load(library_);
    ASSERT_TRUE(loaded.ok());
    CallMark mark;
    abi::Device handle = nullptr;
    ASSERT_EQ(Invoke(mark, (*loaded)->handle_by_index, 0U, &handle), abi::kSuccess);
    calls_ = std::make_unique<DeviceCalls>(
        *loaded, SessionTicket(std::make_shared<std::atomic<uint64_t>>(0)), handle,
        "GPU-00000000-0000-0000-0000-000000000000");
  }
  /// The same, looked at once, so that samples count from now on.
  void OpenSeen(const std::string& script) {
    OpenGpu(script);
    Read();
  }

  ProcessUses Read() {
    calls_->BeginRound();
    return processes_.Read(*calls_, clock_);
  }

  /// In microseconds of the fake driver's clock.
  static int64_t AnHourAhead() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now + 1h).count();
  }

  std::unique_ptr<DeviceCalls> calls_;
  Processes processes_{Processes::Of::kGpu};
};

TEST_F(ProcessesTest, EachWithItsMemoryAndUtilization) {
  OpenSeen("process 300 1024 40\nprocess 20 512");
  const ProcessUses uses = Read();
  EXPECT_EQ(uses.taken, clock_.Now());
  EXPECT_EQ(uses.memory_problem, "");
  EXPECT_EQ(uses.utilization_problem, "");
  EXPECT_THAT(uses.processes, ElementsAre(Uses(20U, Mib(512), 0.0), Uses(300U, Mib(1024), 40.0)));
}

TEST_F(ProcessesTest, AGpuWithoutAnyIsNoTrouble) {
  OpenGpu("");
  const ProcessUses uses = Read();
  EXPECT_EQ(uses.memory_problem, "");
  EXPECT_EQ(uses.utilization_problem, "") << "Not Found means that nothing was busy";
  EXPECT_THAT(uses.processes, IsEmpty());
}

TEST_F(ProcessesTest, WhatWasInTheRingBeforeTheFirstLookIsNotCounted) {
  OpenGpu("process 7 1 90");
  ProcessUses uses = Read();
  EXPECT_EQ(uses.utilization_problem, "processes have been looked at only once so far");
  EXPECT_TRUE(uses.utilization_not_ready);
  uses = Read();
  EXPECT_EQ(uses.utilization_problem, "");
  EXPECT_FALSE(uses.utilization_not_ready);
}

TEST_F(ProcessesTest, ASampleThatComesAfterAnEmptyRingCountsAtOnce) {
  OpenSeen("process 7 1");
  Script("gpu\nprocess 7 1 90");
  const ProcessUses uses = Read();
  EXPECT_EQ(uses.utilization_problem, "");
  EXPECT_THAT(uses.processes, ElementsAre(Uses(7U, Mib(1), 90.0)));
}

TEST_F(ProcessesTest, AProcessInSeveralListsCountsOnce) {
  OpenSeen("process 7 100 10\ngraphics_process 7 100\nmps_process 7 120\nmps_process 8 30");
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(120), 10.0), Uses(8U, Mib(30), 0.0)));
}

TEST_F(ProcessesTest, MemoryThatTheDriverDoesNotKnowIsNotZero) {
  OpenSeen("process 7 unknown 10\nprocess 8 5\ngraphics_process 8 unknown");
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, kUnknown, 10.0), Uses(8U, kUnknown, 0.0)));
}

TEST_F(ProcessesTest, EntriesThatSayNothingAreDropped) {
  OpenSeen("process 7 1 30\nprocess_garbage");
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 30.0)));
  }
  Script("gpu\nprocess 1 1\nprocess_garbage");
  clock_.Advance(Processes::kSampleLasts + 1ms);
  EXPECT_THAT(Read().processes, ElementsAre(Uses(1U, Mib(1), 0.0)));
}

TEST_F(ProcessesTest, GarbageInTheFirstLookDoesNotCountAsASample) {
  OpenGpu("process 7 1\nprocess_garbage");
  EXPECT_EQ(Read().utilization_problem, "");
}

TEST_F(ProcessesTest, AClockThatIsSetBackHidesNothing) {
  OpenSeen("process 7 1 60");
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 60.0)));
  Script("gpu\nprocess 7 1 50\nprocess_clock_s -20");
  clock_.Advance(Processes::kSampleLasts + 1ms);
  const ProcessUses uses = Read();
  EXPECT_EQ(uses.utilization_problem, kStampsDoNotFit);
  EXPECT_TRUE(uses.utilization_not_ready);
  EXPECT_EQ(uses.memory_problem, "");
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 50.0)));
  }
}

TEST_F(ProcessesTest, AClockThatIsSetForwardHidesNothing) {
  OpenSeen("process 7 1 60");
  Script("gpu\nprocess 7 1 50\nprocess_clock_s 3600");
  EXPECT_TRUE(Read().utilization_not_ready) << "it may be a mistake";
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 50.0)));
  }
}

TEST_F(ProcessesTest, AStampFarAheadOfTheOthersIsDropped) {
  OpenSeen("process 7 1 60\nprocess 8 1 20");
  Script("gpu\nprocess 7 1 60\nprocess 8 1 20\nprocess_stray");
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 60.0), Uses(8U, Mib(1), 20.0)));
  Script("gpu\nprocess 7 1 60\nprocess 8 1 30");
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 60.0), Uses(8U, Mib(1), 30.0)));
}

TEST_F(ProcessesTest, AStampFarAheadThatIsAloneHidesNothingForLong) {
  OpenSeen("process 7 1");
  Script("gpu\nprocess 7 1\nprocess_stray");
  Read();
  Script("gpu\nprocess 7 1 60");
  EXPECT_TRUE(Read().utilization_not_ready);
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 60.0)));
}

TEST_F(ProcessesTest, AStampFarAheadIsNotBelievedWhereTheGpuHasBecomeIdle) {
  OpenSeen("process 7 1 60");
  Script("gpu\nprocess 7 1 60\nprocess_stray");
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 60.0)));
  Script("gpu\nprocess 7 1\nprocess_stray");
  clock_.Advance(2s);
  const ProcessUses uses = Read();
  EXPECT_NE(uses.processes.at(0).utilization, 99);
  EXPECT_EQ(uses.utilization_problem, kStampsDoNotFit);
  EXPECT_TRUE(uses.utilization_not_ready) << "the clock may have been set";
}

TEST_F(ProcessesTest, AStampFarAheadThatStaysHidesNothing) {
  const std::string stray = "process_stray_at " + std::to_string(AnHourAhead()) + "\n";
  OpenSeen(stray + "process 7 1 60");
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 60.0)));
  Script("gpu\n" + stray + "process 7 1");
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(2s);
    const ProcessUses uses = Read();
    EXPECT_EQ(uses.utilization_problem, "");
    EXPECT_THAT(uses.processes, ElementsAre(Uses(7U, Mib(1), 0.0)));
  }
  Script("gpu\n" + stray + "process 7 1 50");
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 50.0)));
}

TEST_F(ProcessesTest, AStampFarAheadThatWasAloneInTheFirstLookHidesNothing) {
  const std::string stray = "process_stray_at " + std::to_string(AnHourAhead()) + "\n";
  OpenSeen(stray + "process 7 1");
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 0.0)));
  Script("gpu\n" + stray + "process 7 1 60");
  EXPECT_TRUE(Read().utilization_not_ready);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 60.0)));
  }
}

TEST_F(ProcessesTest, ASampleLastsForOneSamplePeriodOfTheDriver) {
  OpenSeen("process 7 1 60");
  Read();
  Script("gpu\nprocess 7 1");
  clock_.Advance(Processes::kSampleLasts);
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 60.0)));
  clock_.Advance(1ms);
  EXPECT_THAT(Read().processes, ElementsAre(Uses(7U, Mib(1), 0.0)));
}

TEST_F(ProcessesTest, AProcessThatIsNoLongerListedIsGone) {
  OpenSeen("process 7 1 60");
  Read();
  Script("gpu\nprocess 8 1");
  EXPECT_THAT(Read().processes, ElementsAre(Uses(8U, Mib(1), 0.0)));
}

TEST_F(ProcessesTest, WithoutListsTheProcessesAreThoseThatWereBusy) {
  OpenSeen("process 7 1 60\nprocess 8 1");
  Script("error nvmlDeviceGetComputeRunningProcesses_v3 4\ngpu\nprocess 7 1 60\nprocess 8 1");
  const ProcessUses uses = Read();
  EXPECT_EQ(uses.memory_problem,
            "nvmlDeviceGetComputeRunningProcesses_v3: Insufficient Permissions");
  EXPECT_EQ(uses.utilization_problem, "");
  EXPECT_THAT(uses.processes, ElementsAre(Uses(7U, kUnknown, 60.0)));
}

TEST_F(ProcessesTest, WithoutUtilizationMemoryIsKnown) {
  OpenGpu("process 7 1 60\nerror nvmlDeviceGetProcessUtilization 3");
  for (int i = 0; i < 3; ++i) {
    const ProcessUses uses = Read();
    EXPECT_EQ(uses.memory_problem, "");
    EXPECT_EQ(uses.utilization_problem, "nvmlDeviceGetProcessUtilization: Not Supported");
    EXPECT_THAT(uses.processes, ElementsAre(Uses(7U, Mib(1), 0.0)));
  }
  const auto calls = Calls(kUtilization);
  Read();
  EXPECT_EQ(Calls(kUtilization), calls) << "what will never work is not asked again";
}

TEST_F(ProcessesTest, AFailureOfUtilizationIsNotIdleness) {
  OpenSeen("process 7 1 60");
  Script("gpu\nprocess 7 1 60\nerror nvmlDeviceGetProcessUtilization 999");
  ProcessUses uses = Read();
  EXPECT_EQ(uses.utilization_problem, "nvmlDeviceGetProcessUtilization: Unknown Error");
  EXPECT_FALSE(uses.utilization_not_ready);
  Script("gpu\nprocess 7 1 60\nerror nvmlDeviceGetProcessUtilization 27");
  uses = Read();
  EXPECT_EQ(uses.utilization_problem, "nvmlDeviceGetProcessUtilization: Not Ready");
  EXPECT_TRUE(uses.utilization_not_ready);
}

TEST_F(ProcessesTest, GraphicsAndMpsMayBeUnsupportedButMayNotFail) {
  OpenGpu(
      "process 7 1\nerror nvmlDeviceGetGraphicsRunningProcesses_v3 3\n"
      "error nvmlDeviceGetMPSComputeRunningProcesses_v3 3");
  EXPECT_EQ(Read().memory_problem, "");
  for (const std::string call :
       {"nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetMPSComputeRunningProcesses_v3"}) {
    Processes fresh(Processes::Of::kGpu);
    Script("gpu\nprocess 7 1\nerror " + call + " 999");
    calls_->BeginRound();
    EXPECT_EQ(fresh.Read(*calls_, clock_).memory_problem, call + ": Unknown Error");
  }
}

TEST_F(ProcessesTest, ABufferThatIsTooSmallIsGrown) {
  std::string script;
  for (int pid = 1; pid <= 700; ++pid) script += "process " + std::to_string(pid) + " 1 1\n";
  OpenSeen(script);
  const ProcessUses uses = Read();
  EXPECT_EQ(uses.memory_problem, "");
  EXPECT_EQ(uses.utilization_problem, "");
  EXPECT_EQ(uses.processes.size(), 700U);
  const auto calls = Calls(kCompute);
  Read();
  EXPECT_EQ(Calls(kCompute), calls + 1) << "and stays grown";
}

TEST_F(ProcessesTest, ABufferIsNotGrownForEver) {
  OpenSeen("process 7 1 60");
  Script("gpu\nprocess 7 1 60\nprocesses_refused");
  const ProcessUses uses = Read();
  EXPECT_EQ(uses.memory_problem, "nvmlDeviceGetComputeRunningProcesses_v3: Insufficient Size");
  EXPECT_EQ(uses.utilization_problem, "nvmlDeviceGetProcessUtilization: Insufficient Size");
}

TEST_F(ProcessesTest, NoBufferIsForMoreProcessesThanThereCanBe) {
  OpenGpu("process 7 1 60\nprocess_room 8193");
  for (int i = 0; i < 10; ++i) {
    const ProcessUses uses = Read();
    EXPECT_EQ(uses.memory_problem, "nvmlDeviceGetComputeRunningProcesses_v3: Insufficient Size");
    EXPECT_EQ(uses.utilization_problem, "nvmlDeviceGetProcessUtilization: Insufficient Size");
  }
  Script("gpu\nprocess 7 1 60\nprocess_room 8192");
  for (int i = 0; i < 5; ++i) Read();
  EXPECT_EQ(Read().memory_problem, "");
}

TEST_F(NvmlTest, ProcessesAreReadOnlyWhereAskedFor) {
  const Session without = Open("gpu\nprocess 7 1 60");
  EXPECT_FALSE(Read(without).processes.has_value());
  backend_->Close();
  const auto backend = MakeNvmlBackend(library_, true);
  const auto session = backend->Open();
  ASSERT_TRUE(session.ok());
  Read(*session);
  EXPECT_THAT(Read(*session).processes.value().processes, ElementsAre(Uses(7U, Mib(1), 60.0)));
  Script("gpu\nlost");
  EXPECT_FALSE(Read(*session).processes.has_value()) << "a lost GPU has no processes";
  backend->Close();
}

TEST_F(NvmlTest, OfAMigDeviceMemoryAloneIsKnown) {
  Script("gpu\nmig_mode 1\nmig 0 7 0 1g.5gb\nprocess 7 1 60");
  const auto backend = MakeNvmlBackend(library_, true);
  const auto session = backend->Open();
  ASSERT_TRUE(session.ok());
  ASSERT_EQ(session->devices.size(), 2U);
  EXPECT_FALSE(Read(*session, 0).processes.has_value()) << "nobody holds a GPU that MIG divides";
  const auto calls = Calls(kUtilization);
  const ProcessUses uses = Read(*session, 1).processes.value();
  EXPECT_THAT(uses.processes, ElementsAre(Uses(7U, Mib(1), 0.0)));
  EXPECT_EQ(uses.memory_problem, "");
  EXPECT_EQ(uses.utilization_problem, "the driver tells no utilization by process of MIG devices");
  EXPECT_EQ(Calls(kUtilization), calls);
  backend->Close();
}

class OldProcessesTest : public ProcessesTest {
 protected:
  OldProcessesTest() : ProcessesTest(FAKE_NVML_OLD) {}
};

TEST_F(OldProcessesTest, ListsAreReadUnderTheirOlderNames) {
  OpenSeen("process 7 1 60\ngraphics_process 8 2\nmps_process 9 3");
  const ProcessUses uses = Read();
  EXPECT_EQ(uses.memory_problem, "") << "without a list of MPS clients there are none";
  EXPECT_THAT(uses.processes, ElementsAre(Uses(7U, Mib(1), 60.0), Uses(8U, Mib(2), 0.0)));
}

}  // namespace
}  // namespace kgs::gpu::nvml
