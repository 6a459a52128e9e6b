// SPDX-License-Identifier: Apache-2.0
#include "processes/process_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "processes/test_proc.h"

namespace kgs::processes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::kPodA;
using testing::kPodB;

class ProcessTableTest : public ::testing::Test {
 protected:
  std::string PodOf(uint32_t pid) {
    const auto uid = table_.PodOf(pid);
    return uid.ok() ? *uid : std::string(absl::StatusCodeToString(uid.status().code()));
  }

  testing::FakeProc proc_;
  ProcessTable table_{proc_.root()};
};

TEST_F(ProcessTableTest, AProcessIsItsPodsOrNobodys) {
  proc_.AddInPod(7, 100, kPodA);
  proc_.AddInPod(8, 100, kPodB);
  proc_.Add(9, 100, "0::/system.slice/nvidia-mps.service\n");
  EXPECT_EQ(PodOf(7), kPodA);
  EXPECT_EQ(PodOf(8), kPodB);
  EXPECT_EQ(PodOf(9), "");
  EXPECT_EQ(PodOf(10), "NOT_FOUND");
}

TEST_F(ProcessTableTest, AProcessOfAPodThatCannotBeToldIsNotNobodys) {
  proc_.Add(7, 100, "0::/kubepods.slice/kubepods-new-form-1b2c.slice/x\n");
  EXPECT_EQ(PodOf(7), "FAILED_PRECONDITION");
}

TEST_F(ProcessTableTest, AProcessIsLookedUpOnce) {
  proc_.AddInPod(7, 100, kPodA);
  EXPECT_EQ(PodOf(7), kPodA);
  proc_.Remove(7, "cgroup");
  EXPECT_EQ(PodOf(7), kPodA);
}

TEST_F(ProcessTableTest, APidThatReturnsIsAnotherProcess) {
  proc_.AddInPod(7, 100, kPodA);
  EXPECT_EQ(PodOf(7), kPodA);
  proc_.AddInPod(7, 101, kPodB);
  EXPECT_EQ(PodOf(7), kPodB);
}

TEST_F(ProcessTableTest, AProcessThatEndedIsForgotten) {
  proc_.AddInPod(7, 100, kPodA);
  EXPECT_EQ(PodOf(7), kPodA);
  proc_.End(7);
  EXPECT_EQ(PodOf(7), "NOT_FOUND");
  EXPECT_EQ(table_.known(), 0U);
}

TEST_F(ProcessTableTest, WhatIsNotAskedAboutIsForgotten) {
  proc_.AddInPod(7, 100, kPodA);
  proc_.AddInPod(8, 100, kPodA);
  PodOf(7);
  PodOf(8);
  table_.ForgetUnasked();
  EXPECT_EQ(table_.known(), 2U);
  PodOf(8);
  table_.ForgetUnasked();
  EXPECT_EQ(table_.known(), 1U);
}

TEST_F(ProcessTableTest, WhatCannotBeToldIsAnErrorWithoutThePid) {
  proc_.Add(7, 100, "");
  proc_.Write(7, "stat", "7 (x) S 1 2 3\n");
  EXPECT_THAT(std::string(table_.PodOf(7).status().message()),
              AllOf(HasSubstr("PID/stat is not as proc(5) describes it"), HasSubstr(proc_.root())));
  // A folder in place of the file: open succeeds, read does not.
  proc_.Add(8, 100, "");
  proc_.Remove(8, "cgroup");
  std::filesystem::create_directory(std::filesystem::path(proc_.root()) / "8" / "cgroup");
  EXPECT_EQ(table_.PodOf(8).status().message(),
            "cannot read " + proc_.root() + "/PID/cgroup: Is a directory");
}

TEST_F(ProcessTableTest, ThePidNamespaceMustBeTheNodes) {
  EXPECT_TRUE(table_.CheckPidNamespace().ok());
  proc_.SetPidNamespace("pid:[4026532201]");
  EXPECT_THAT(std::string(table_.CheckPidNamespace().message()),
              AllOf(HasSubstr("--per-process: "), HasSubstr("pid:[4026532201]"),
                    HasSubstr("hostPID: true (chart: perProcess=true)")));
  EXPECT_LT(table_.CheckPidNamespace().message().size(), 512U);
  EXPECT_THAT(std::string(ProcessTable("/nowhere").CheckPidNamespace().message()),
              AllOf(HasSubstr("cannot read /nowhere/self/ns/pid (No such file or directory)"),
                    HasSubstr("hostPID")));
}

TEST(RealProc, ThisProcessIsFound) {
  ProcessTable table("/proc");
  EXPECT_TRUE(table.PodOf(static_cast<uint32_t>(getpid())).ok());
  EXPECT_EQ(table.known(), 1U);
}

}  // namespace
}  // namespace kgs::processes
