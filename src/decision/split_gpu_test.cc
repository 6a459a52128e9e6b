// SPDX-License-Identifier: Apache-2.0
//
// Shared GPUs whose use is split to pods by process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decision/decision_test_fixture.h"

namespace kgs::decision {
namespace {

using model::MetricId;
using model::Reading;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kWhy[] = "not known by process (--per-process): nvmlX: Not Supported";

class SplitGpuTest : public DecisionFixture {
 protected:
  /// One replica with one share of three, whose GPU shows \p device.
  void Share(MetricId metric, double device) {
    Ask(metric, 50);
    SetPods({{device}});
    view_.pods[0].gpus[0].all_shares = 3;
    Own(Reading::Value(7, now_), Reading::Value(1000, now_));
  }
  void Own(const Reading& utilization, const Reading& memory_mib) {
    view_.pods[0].gpus[0].own = {utilization, memory_mib};
  }
  /// What is read of the replica; of memory that has not moved the answer is another.
  std::optional<double> ValueRead() { return Now().inputs.at(0).value; }
  void ExpectSaid(const std::string& metric) {
    EXPECT_THAT(Now().warnings,
                Contains("shared GPU split by process: 1 replica share theirs with other pods; " +
                         metric + " is that of their own processes"));
  }
};

TEST_F(SplitGpuTest, UtilizationIsThePodsOwn) {
  Share(MetricId::kGpuUtilization, 90);
  const Decision decision = Now();
  EXPECT_EQ(*decision.value, 7);
  EXPECT_EQ(decision.warnings.size(), 1U);
  ExpectSaid("gpu_utilization");
}

TEST_F(SplitGpuTest, MemoryIsThePodsOwnAndNotDividedByShares) {
  Share(MetricId::kMemoryUsedMib, 9000);
  EXPECT_EQ(ValueRead(), 1000);
  ExpectSaid("memory_used_mib");
}

TEST_F(SplitGpuTest, ThePercentageOfMemoryIsOfAllOfTheGpu) {
  Share(MetricId::kMemoryUsedPercent, 90);
  EXPECT_EQ(ValueRead(), std::nullopt) << "without the total there is no percentage";
  SetReading(0, MetricId::kMemoryTotalMib, 4000);
  EXPECT_EQ(ValueRead(), 25);
  ExpectSaid("memory_used_percent");
}

TEST_F(SplitGpuTest, ATotalOfNothingHasNoPercentage) {
  Ask(MetricId::kMemoryUsedPercent, 50);
  SetPods({{90, 90}});
  auto node = std::make_shared<model::NodeSnapshot>(*view_.pods[0].gpus[0].node);
  node->gpus[0].readings[MetricId::kMemoryTotalMib] = Reading::Value(4000, now_);
  node->gpus[1].readings[MetricId::kMemoryTotalMib] = Reading::Value(0, now_);
  for (model::PodGpu& gpu : view_.pods[0].gpus) {
    gpu.node = node;
    gpu.all_shares = 3;
    gpu.own = {Reading::Value(7, now_), Reading::Value(gpu.gpu == 0 ? 1000 : 0, now_)};
  }
  EXPECT_EQ(ValueRead(), std::nullopt) << "0/0 on one of its GPUs";
}

TEST_F(SplitGpuTest, APodThatDoesNothingIsIdleWhateverOthersDo) {
  Share(MetricId::kGpuUtilization, 90);
  Own(Reading::Value(0, now_), Reading::Value(0, now_));
  EXPECT_EQ(*Now().value, 0);
}

TEST_F(SplitGpuTest, WhatIsNotKnownIsNeverTheDevices) {
  for (const MetricId metric :
       {MetricId::kGpuUtilization, MetricId::kMemoryUsedMib, MetricId::kMemoryUsedPercent}) {
    Share(metric, 90);
    SetReading(0, MetricId::kMemoryTotalMib, 4000);
    spec_.hold = std::chrono::seconds(0);
    Watch(std::chrono::seconds(1));
    EXPECT_TRUE(Now().value.ok());
    const Reading unknown = Reading::Absent(model::Missing::kDriverError, kWhy);
    Own(unknown, unknown);
    const Decision decision = Now();
    EXPECT_FALSE(decision.value.ok());
    EXPECT_THAT(decision.inputs.at(0).why, HasSubstr(kWhy));
    EXPECT_THAT(decision.warnings, IsEmpty());
  }
}

TEST_F(SplitGpuTest, WhatIsStaleIsNotServed) {
  Share(MetricId::kGpuUtilization, 90);
  Own(Reading::Value(7, now_ - view_.pods[0].gpus[0].max_reading_age - std::chrono::seconds(1)),
      Reading::Value(1000, now_));
  EXPECT_THAT(Now().inputs.at(0).why, HasSubstr("the last reading is stale"));
}

TEST_F(SplitGpuTest, TheAgeIsThatOfTheSplit) {
  Share(MetricId::kGpuUtilization, 90);
  Own(Reading::Value(7, now_ - std::chrono::milliseconds(700)), Reading::Value(1000, now_));
  EXPECT_EQ(Now().inputs.at(0).age, std::chrono::milliseconds(700));
}

TEST_F(SplitGpuTest, AGpuThatIsLostHasNoSplitEither) {
  Share(MetricId::kGpuUtilization, 90);
  auto node = std::make_shared<model::NodeSnapshot>(*view_.pods[0].gpus[0].node);
  node->gpus[0].state = model::DeviceState::kLost;
  view_.pods[0].gpus[0].node = node;
  EXPECT_THAT(Now().inputs.at(0).why, HasSubstr("is lost"));
}

TEST_F(SplitGpuTest, TheOnlyHolderOfAGpuHasTheDevicesValue) {
  Share(MetricId::kGpuUtilization, 90);
  view_.pods[0].gpus[0].shares = 3;
  const Decision decision = Now();
  EXPECT_EQ(*decision.value, 90);
  EXPECT_THAT(decision.warnings, IsEmpty());
}

TEST_F(SplitGpuTest, OtherMetricsStayTheDevices) {
  Share(MetricId::kPowerDraw, 90);
  const Decision decision = Now();
  EXPECT_EQ(*decision.value, 30);
  EXPECT_THAT(decision.warnings, ElementsAre(AllOf(HasSubstr("shared GPU: 1 replica"),
                                                   HasSubstr("divided by the shares"))));
}

}  // namespace
}  // namespace kgs::decision
