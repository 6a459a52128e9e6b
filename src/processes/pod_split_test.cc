// SPDX-License-Identifier: Apache-2.0
#include "processes/pod_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "processes/test_proc.h"

namespace kgs::processes {
namespace {

using model::PodUses;
using model::ProcessUse;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kPodA;
using testing::kPodB;

constexpr uint64_t kMib = 1024 * 1024;
constexpr std::optional<double> kUnknown;

MATCHER_P3(Uses, pod_uid, utilization, memory_mib, "") {
  *result_listener << arg.pod_uid << " " << arg.utilization << " "
                   << (arg.memory_mib ? std::to_string(*arg.memory_mib) : "unknown");
  return arg.pod_uid == pod_uid && arg.utilization == utilization && arg.memory_mib == memory_mib;
}

std::optional<double> Mib(double mib) { return mib; }

class PodSplitTest : public ::testing::Test {
 protected:
  /// What pods use of a GPU, by what its processes do; one second after the last time.
  PodUses Split(std::vector<ProcessUse> processes) {
    taken_ += std::chrono::seconds(1);
    return Again(std::move(processes));
  }
  /// The same as of the moment of the last time.
  PodUses Again(std::vector<ProcessUse> processes) {
    return SplitUses({.taken = taken_, .processes = std::move(processes)});
  }
  PodUses SplitUses(model::ProcessUses uses) {
    model::NodeSnapshot snapshot;
    snapshot.gpus.resize(1);
    snapshot.gpus[0].identity.uuid = "GPU-0";
    snapshot.gpus[0].processes = std::move(uses);
    split_.Split(snapshot);
    EXPECT_FALSE(snapshot.gpus[0].processes.has_value());
    return snapshot.gpus[0].pod_uses.value();
  }

  base::SteadyTime taken_{std::chrono::seconds(100)};
  testing::FakeProc proc_;
  PodSplit split_{proc_.root()};
};

TEST_F(PodSplitTest, APodHasTheSumOfItsProcesses) {
  proc_.AddInPod(7, 1, kPodB);
  proc_.AddInPod(8, 1, kPodA);
  proc_.AddInPod(9, 1, kPodA);
  const PodUses uses = Split({{7, 512 * kMib, 5}, {8, 100 * kMib, 20.5}, {9, 28 * kMib, 30}});
  EXPECT_EQ(uses.taken, taken_);
  EXPECT_THAT(uses.pods, ElementsAre(Uses(kPodA, 50.5, Mib(128)), Uses(kPodB, 5.0, Mib(512))));
  EXPECT_EQ(uses.memory_problem + uses.utilization_problem, "");
}

TEST_F(PodSplitTest, UtilizationThatIsNotReadyLeavesMemoryAlone) {
  proc_.AddInPod(7, 1, kPodA);
  proc_.AddInPod(8, 1, kPodB);
  Split({{7, 512 * kMib, 30}});
  const auto seen = taken_;
  const auto not_ready = [this](std::vector<ProcessUse> processes) {
    taken_ += std::chrono::seconds(1);
    return SplitUses({.taken = taken_,
                      .processes = std::move(processes),
                      .utilization_problem = "not ready",
                      .utilization_not_ready = true});
  };
  for (int i = 0; i < 2; ++i) {
    const PodUses uses = not_ready({{7, 100 * kMib, 0}, {8, 5 * kMib, 0}});
    EXPECT_THAT(uses.pods, ElementsAre(Uses(kPodA, 30.0, Mib(100)), Uses(kPodB, 0.0, Mib(5))));
    EXPECT_EQ(uses.utilization_problem, "");
    EXPECT_EQ(uses.taken, taken_) << "memory is new";
    EXPECT_EQ(uses.UtilizationTaken(), seen) << "and utilization goes stale";
  }
  const PodUses ended = not_ready({{8, 5 * kMib, 0}});
  EXPECT_THAT(ended.pods, ElementsAre(Uses(kPodB, 0.0, Mib(5))));
  const PodUses next = Split({{7, 1 * kMib, 40}});
  EXPECT_THAT(next.pods, ElementsAre(Uses(kPodA, 40.0, Mib(1))));
  EXPECT_EQ(next.UtilizationTaken(), taken_);
}

TEST_F(PodSplitTest, UtilizationThatWasNeverReadyIsNotKnown) {
  proc_.AddInPod(7, 1, kPodA);
  const PodUses uses = SplitUses({.taken = taken_,
                                  .processes = {{7, kMib, 0}},
                                  .utilization_problem = "not ready",
                                  .utilization_not_ready = true});
  EXPECT_EQ(uses.utilization_problem, "not ready");
  EXPECT_EQ(uses.memory_problem, "");
}

TEST_F(PodSplitTest, WhatIsOfNoPodIsNobodys) {
  proc_.Add(7, 1, "0::/system.slice/nvidia-mps.service\n");
  const PodUses uses = Split({{7, 512 * kMib, 5}});
  EXPECT_THAT(uses.pods, IsEmpty());
  EXPECT_EQ(uses.memory_problem + uses.utilization_problem, "");
}

TEST_F(PodSplitTest, AGpuWithoutProcessesIsKnownToBeIdle) {
  const PodUses uses = Split({});
  EXPECT_THAT(uses.pods, IsEmpty());
  EXPECT_EQ(uses.memory_problem + uses.utilization_problem, "");
}

TEST_F(PodSplitTest, NoPodUsesMoreThanAllOfTheGpu) {
  proc_.AddInPod(7, 1, kPodA);
  proc_.AddInPod(8, 1, kPodA);
  EXPECT_THAT(Split({{7, kMib, 70}, {8, kMib, 70}}).pods, ElementsAre(Uses(kPodA, 100.0, Mib(2))));
}

TEST_F(PodSplitTest, MemoryThatIsNotKnownOfOneProcessIsNotOfItsPod) {
  proc_.AddInPod(7, 1, kPodA);
  proc_.AddInPod(8, 1, kPodA);
  proc_.AddInPod(9, 1, kPodB);
  EXPECT_THAT(Split({{7, {}, 10}, {8, kMib, 10}, {9, kMib, 10}}).pods,
              ElementsAre(Uses(kPodA, 20.0, kUnknown), Uses(kPodB, 10.0, Mib(1))));
}

TEST_F(PodSplitTest, AProcessThatHasJustEndedIsLeftOut) {
  proc_.AddInPod(8, 1, kPodA);
  const PodUses uses = Split({{7, kMib, 10}, {8, kMib, 10}});
  EXPECT_THAT(uses.pods, ElementsAre(Uses(kPodA, 10.0, Mib(1))));
  EXPECT_EQ(uses.memory_problem + uses.utilization_problem, "");
}

TEST_F(PodSplitTest, WhereNoProcessIsThereNothingIsKnown) {
  const std::string why = "none of the processes that use it is in " + proc_.root();
  PodUses uses = Split({{7, kMib, 10}, {8, kMib, 10}});
  EXPECT_THAT(uses.pods, IsEmpty());
  EXPECT_EQ(uses.memory_problem, why);
  EXPECT_EQ(uses.utilization_problem, why);
  // The driver's own reason says more.
  uses = SplitUses({taken_ + std::chrono::seconds(1), {{7, {}, 10}}, "nvmlX: Unknown Error", ""});
  EXPECT_EQ(uses.memory_problem, "nvmlX: Unknown Error");
  EXPECT_EQ(uses.utilization_problem, why);
}

TEST_F(PodSplitTest, WhereOneCannotBeToldNothingIsKnown) {
  proc_.AddInPod(7, 1, kPodA);
  proc_.Add(8, 1, "");
  proc_.Write(8, "stat", "");
  const PodUses uses = Split({{7, kMib, 10}, {8, kMib, 10}});
  EXPECT_THAT(uses.pods, IsEmpty());
  EXPECT_EQ(uses.utilization_problem, proc_.root() + "/PID/stat is not as proc(5) describes it");
}

TEST_F(PodSplitTest, TheDriversProblemsStay) {
  proc_.AddInPod(7, 1, kPodA);
  const PodUses uses = SplitUses({taken_, {{7, kMib, 0}}, "", "nvmlX: Not Supported"});
  EXPECT_EQ(uses.memory_problem, "");
  EXPECT_EQ(uses.utilization_problem, "nvmlX: Not Supported");
  EXPECT_THAT(uses.pods, ElementsAre(Uses(kPodA, 0.0, Mib(1))));
}

TEST_F(PodSplitTest, WhatTheDriverSaidEarlierIsNotLookedUpAgain) {
  proc_.AddInPod(7, 1, kPodA);
  Split({{7, kMib, 10}});
  // The lane hangs; meanwhile the pid has become another pod's.
  proc_.AddInPod(7, 2, kPodB);
  EXPECT_THAT(Again({{7, kMib, 10}}).pods, ElementsAre(Uses(kPodA, 10.0, Mib(1))));
  EXPECT_THAT(Split({{7, kMib, 10}}).pods, ElementsAre(Uses(kPodB, 10.0, Mib(1))));
}

TEST_F(PodSplitTest, AGpuThatIsNotReadByProcessIsLeftAlone) {
  model::NodeSnapshot snapshot;
  snapshot.gpus.resize(1);
  split_.Split(snapshot);
  EXPECT_FALSE(snapshot.gpus[0].pod_uses.has_value());
}

}  // namespace
}  // namespace kgs::processes
