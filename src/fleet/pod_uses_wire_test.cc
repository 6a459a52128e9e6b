// SPDX-License-Identifier: Apache-2.0
//
// What pods use of GPUs, over the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>

#include "fleet/test_reports.h"
#include "fleet/wire.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using model::PodUses;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kTaken;

/// Of two GPUs, of which the first is read by process.
std::shared_ptr<model::NodeReport> ReportOf(PodUses uses) {
  auto report = testing::PlainReport("node-a", {80, 20}, kTaken);
  auto snapshot = std::make_shared<model::NodeSnapshot>(*report->snapshot);
  snapshot->gpus[0].pod_uses = std::move(uses);
  report->snapshot = std::move(snapshot);
  return report;
}

class PodUsesWireTest : public ::testing::Test {
 protected:
  pb::Report Write(const model::NodeReport& report) {
    pb::Report message;
    writer_.Write(report, kTaken + ++written_ * 10ms, &message);
    return message;
  }
  absl::StatusOr<std::shared_ptr<const model::NodeReport>> Read(const pb::Report& message) {
    offset_.Add(message.sent_ns(), base::SteadyTime(std::chrono::nanoseconds(message.sent_ns())));
    return reader_.Read(message, offset_);
  }
  /// Of the first GPU, as it arrives.
  PodUses Carry(const model::NodeReport& report) {
    const auto read = Read(Write(report));
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? (*read)->snapshot->gpus[0].pod_uses.value_or(PodUses{}) : PodUses{};
  }
  std::string Refusal(const pb::Report& message) {
    const auto read = Read(message);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(read.status().message());
  }

  int written_ = 0;
  ReportWriter writer_;
  ReportReader reader_{"node-a"};
  ClockOffset offset_;
};

TEST_F(PodUsesWireTest, ArriveWithTheirOwnTime) {
  const PodUses uses = {kTaken - 200ms, {{"uid-a", 30, 512}, {"uid-b", 0, {}}}, "", "nvmlX: no"};
  testing::ExpectSameUses(Carry(*ReportOf(uses)), uses, 0s);
}

TEST_F(PodUsesWireTest, UtilizationThatStandsInHasATimeOfItsOwn) {
  const PodUses uses = {kTaken - 200ms, {{"uid-a", 30, 512}}, "", "", kTaken - 1200ms};
  testing::ExpectSameUses(Carry(*ReportOf(uses)), uses, 0s);
}

TEST_F(PodUsesWireTest, NewOnesNeedNoNewLayout) {
  Carry(*ReportOf({kTaken, {{"uid-a", 30, 512}}, "", ""}));
  const PodUses next = {kTaken, {{"uid-c", 31, 512}}, "cannot be told", ""};
  const pb::Report message = Write(*ReportOf(next));
  EXPECT_FALSE(message.has_layout());
  const auto read = Read(message);
  ASSERT_TRUE(read.ok());
  testing::ExpectSameUses((*read)->snapshot->gpus[0].pod_uses.value(), next, 0s);
}

TEST_F(PodUsesWireTest, AGpuThatIsNotReadByProcessStaysSo) {
  const auto read = Read(Write(*ReportOf({kTaken, {{"uid-a", 30, 512}}, "", ""})));
  ASSERT_TRUE(read.ok());
  EXPECT_FALSE((*read)->snapshot->gpus[1].pod_uses.has_value());
  const auto without = Read(Write(*testing::PlainReport("node-a", {80, 20}, kTaken)));
  ASSERT_TRUE(without.ok());
  EXPECT_FALSE((*without)->snapshot->gpus[0].pod_uses.has_value()) << "nothing stays of before";
}

TEST_F(PodUsesWireTest, AreSorted) {
  pb::Report message = Write(*ReportOf({kTaken, {{"uid-a", 1, 1}, {"uid-b", 2, 2}}, "", ""}));
  message.mutable_gpus(0)->mutable_pod_uses()->mutable_pods()->SwapElements(0, 1);
  const auto read = Read(message);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ((*read)->snapshot->gpus[0].pod_uses->pods[0].pod_uid, "uid-a");
}

TEST_F(PodUsesWireTest, NumbersThatAreNotFiniteAreNotKnown) {
  pb::Report message = Write(*ReportOf({kTaken, {{"uid-a", 1, 1}}, "", ""}));
  pb::PodUse& use = *message.mutable_gpus(0)->mutable_pod_uses()->mutable_pods(0);
  use.set_utilization(std::nan(""));
  use.set_memory_mib(std::numeric_limits<double>::infinity());
  const auto read = Read(message);
  ASSERT_TRUE(read.ok());
  const PodUses& uses = *(*read)->snapshot->gpus[0].pod_uses;
  EXPECT_EQ(uses.utilization_problem, "the agent sent a number that is not finite");
  EXPECT_EQ(uses.memory_problem, "the agent sent a number that is not finite");
  EXPECT_FALSE(uses.pods[0].memory_mib.has_value());
}

TEST_F(PodUsesWireTest, NumbersThatNoGpuCanHaveAreNotKnown) {
  const auto carried = [this](double utilization, double memory_mib) {
    return Carry(*ReportOf({kTaken, {{"uid-a", utilization, memory_mib}}, "", ""}));
  };
  const std::string why = "the agent sent a number that is out of range";
  for (const double wrong : {-0.5, 100.5, 1e300}) {
    const PodUses uses = carried(wrong, 5);
    EXPECT_EQ(uses.utilization_problem, why) << wrong;
    EXPECT_EQ(uses.memory_problem, "") << "of the other half that is good";
  }
  for (const double wrong : {-0.5, 1e300}) {
    const PodUses uses = carried(5, wrong);
    EXPECT_EQ(uses.utilization_problem, "");
    EXPECT_EQ(uses.memory_problem, why) << wrong;
    EXPECT_FALSE(uses.pods[0].memory_mib.has_value());
  }
  for (const double bound : {0.0, 100.0}) {
    const PodUses uses = carried(bound, bound);
    EXPECT_EQ(uses.utilization_problem + uses.memory_problem, "") << bound;
  }
}

TEST_F(PodUsesWireTest, MorePodsThanFitAreNotSentInPart) {
  PodUses uses{kTaken, {}, "", ""};
  for (size_t i = 0; i <= kMostPodUses; ++i) {
    uses.pods.push_back({std::to_string(1'000'000 + i), 1, 1});
  }
  const PodUses carried = Carry(*ReportOf(uses));
  EXPECT_THAT(carried.pods, IsEmpty());
  EXPECT_EQ(carried.memory_problem, "its pods are more than a report holds");
  EXPECT_EQ(carried.utilization_problem, "its pods are more than a report holds");
  uses.pods.pop_back();
  EXPECT_EQ(Carry(*ReportOf(uses)).pods.size(), kMostPodUses);
}

TEST_F(PodUsesWireTest, WhatContradictsItselfIsRefused) {
  const pb::Report good = Write(*ReportOf({kTaken, {{"uid-a", 1, 1}}, "", ""}));
  pb::Report message = good;
  *message.mutable_gpus(0)->mutable_pod_uses()->add_pods() = good.gpus(0).pod_uses().pods(0);
  EXPECT_THAT(Refusal(message), HasSubstr("what a pod uses twice"));
  message = good;
  message.mutable_gpus(0)->mutable_pod_uses()->set_before_taken_ns(-1'000'000'000);
  EXPECT_THAT(Refusal(message), HasSubstr("processes that were read after it was sent"));
  message = good;
  message.mutable_gpus(0)->mutable_pod_uses()->set_utilization_before_taken_ns(-1'000'000'000);
  EXPECT_THAT(Refusal(message), HasSubstr("processes that were read after it was sent"));
  message = good;
  for (size_t i = 0; i < kMostPodUses; ++i) {
    message.mutable_gpus(1)->mutable_pod_uses()->add_pods()->set_pod_uid(std::to_string(i));
  }
  EXPECT_THAT(Refusal(message), HasSubstr("too many uses of pods"));
  message = good;
  message.mutable_gpus(0)->mutable_pod_uses()->set_memory_problem(
      std::string(kLongestText + 1, 'x'));
  EXPECT_THAT(Refusal(message), HasSubstr("too long"));
  EXPECT_TRUE(Read(good).ok());
}

}  // namespace
}  // namespace kgs::fleet
