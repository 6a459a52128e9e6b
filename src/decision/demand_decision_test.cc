// SPDX-License-Identifier: Apache-2.0
//
// The branches of a number that adds up, by example.
#include <gtest/gtest.h>

#include "decision/decision.h"
#include "decision/decision_test_fixture.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using model::HpaMetricType;
using model::MetricId;

class DemandDecisionTest : public DecisionFixture {};

TEST_F(DemandDecisionTest, DemandCountsLoadingAsNothingAndLostAsTheTarget) {
  Ask(MetricId::kPowerDraw, 250);
  SetPods({{100}, {300}, {7}, {0}});
  NotReady(2);
  Watch(5s);
  Lose(3);
  Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kDemandPartlyLost);
  EXPECT_EQ(*decision.value, 650);
  EXPECT_EQ(decision.formula, "U + T*lost = 400 + 250*1 = 650");
  type_ = HpaMetricType::kValue;
  decision = Now();
  EXPECT_EQ(*decision.value, 216.666) << "the lost one is Ready";
  SetValue(3, 0);
  decision = Now();
  EXPECT_EQ(decision.branch, Branch::kDemand);
  EXPECT_EQ(decision.formula, "U/ready = 400/3 = 133.333");
  for (int i = 0; i < 4; ++i) NotReady(i);
  EXPECT_EQ(Now().branch, Branch::kNoneReady);
  EXPECT_EQ(*Now().value, 250);
}

TEST_F(DemandDecisionTest, AScaledJobIsAnsweredForDemandsOnly) {
  SetJob();
  AddPods({{50}, {70}});
  Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kInvalid);
  EXPECT_TRUE(absl::IsInvalidArgument(decision.value.status()));
  EXPECT_EQ(decision.active.status(), decision.value.status());
  Ask(MetricId::kPowerDraw, 60);
  view_.pods.clear();
  AddPods({{50}, {70}});
  decision = Now();
  EXPECT_EQ(*decision.value, 120);
  EXPECT_EQ(decision.replicas, std::nullopt);
  Watch(1s);
  Lose(1);
  EXPECT_EQ(*Now().value, 110) << "the lost one counts as one running job";
  Lose(0);
  EXPECT_EQ(*Now().value, 120);
  EXPECT_EQ(Now().branch, Branch::kBlindHeld);
  view_.pods.clear();
  decision = Now();
  EXPECT_EQ(*decision.value, 0);
  EXPECT_FALSE(*decision.active);
}

TEST_F(DemandDecisionTest, ANewPodThatIsNotReadYetIsNotPaidForAndNotRemoved) {
  Ask(MetricId::kPowerDraw, 100);
  SetPods({{150}, {150}});
  SetReplicas(3);
  Watch(60s);
  EXPECT_EQ(*Now().value, 300);
  now_ += 1s;
  AddPods({{0}});
  Lose(2);
  Watch(5s);
  Decision decision = Now();
  EXPECT_EQ(decision.loading, 1) << "it is Ready, and its first reading is on its way";
  EXPECT_EQ(*decision.value, 300);
  SetValue(0, 90);
  SetValue(1, 90);
  EXPECT_EQ(*Now().value, 280);
  Watch(15s);
  decision = Now();
  EXPECT_EQ(decision.lost, 1) << "no first reading takes that long";
  EXPECT_EQ(decision.branch, Branch::kDemandPartlyLost);
}

TEST_F(DemandDecisionTest, APodThatWasThereBeforeThisProcessIsLostAndNotNew) {
  Ask(MetricId::kPowerDraw, 100);
  SetPods({{150}, {150}});
  Lose(1);
  Watch(1s);
  EXPECT_EQ(Now().lost, 1);
  EXPECT_EQ(*Now().value, 250);
}

TEST_F(DemandDecisionTest, PreallocatedDemandHoldsBesidePodsThatLoad) {
  Ask(MetricId::kMemoryUsedMib, 40000);
  SetPods({{70000}, {70000}, {70000}, {0}});
  for (int i = 0; i < 3; ++i) SetReading(i, MetricId::kMemoryUsedPercent, 90);
  NotReady(3);
  Watch(90s);
  const Decision decision = Now();
  EXPECT_EQ(decision.preallocated, 3);
  EXPECT_EQ(*decision.value, 4 * 40000.0) << "the one that loads is not removed";
}

}  // namespace
}  // namespace kgs::decision
