// SPDX-License-Identifier: Apache-2.0
//
// Replicas of several pods: all that is said of a pod is then said of the unit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decision/decision_test_fixture.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using model::HpaMetricType;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kName[] = "leaderworkerset.sigs.k8s.io/name";
constexpr char kGroup[] = "leaderworkerset.sigs.k8s.io/group-index";
constexpr char kWorker[] = "leaderworkerset.sigs.k8s.io/worker-index";

/// Groups of a leader and a worker, of which the scale's selector selects the leaders.
class DecisionUnitsTest : public DecisionFixture {
 protected:
  void SetGroups(const std::vector<std::pair<double, double>>& groups) {
    for (const auto& [leader, worker] : groups) {
      const std::string group = std::to_string(view_.pods.size() / 2);
      AddPods({{leader}, {worker}});
      Label(view_.pods.size() - 2, group, "0");
      Label(view_.pods.size() - 1, group, "1");
    }
    auto target = std::make_shared<model::ScaleTarget>(*view_.target);
    target->replicas = static_cast<int>(groups.size());
    target->selector = *model::ParseLabelSelector(std::string(kWorker) + "=0");
    view_.target = std::move(target);
  }

 private:
  void Label(size_t i, const std::string& group, const std::string& worker) {
    ChangePod(i, [&](model::Pod& pod) {
      pod.labels = {{kGroup, group}, {kName, "llm"}, {kWorker, worker}};
      pod.group_size = 2;
    });
  }
};

TEST_F(DecisionUnitsTest, AGroupCountsAsOneReplica) {
  SetGroups({{10, 92}, {92, 20}, {92, 92}});
  Decision decision = Now();
  EXPECT_EQ(*decision.value, 276) << "the max over each group's GPUs";
  EXPECT_EQ(decision.pods, 3);
  EXPECT_EQ(decision.ready, 3) << "the leaders, as the HPA counts";
  EXPECT_EQ(decision.inputs[0].name, "group 0 of default/llm");
  type_ = HpaMetricType::kValue;
  EXPECT_EQ(*Now().value, 92);
}

TEST_F(DecisionUnitsTest, AGroupIsMeasuredOnlyWhereAllItsPodsAre) {
  SetGroups({{92, 92}, {92, 92}});
  Watch(1s);
  Lose(3);
  Decision decision = Now();
  EXPECT_EQ(decision.lost, 1);
  EXPECT_EQ(*decision.value, 160) << "held";
  EXPECT_THAT(decision.inputs[1].why, AllOf(HasSubstr("default/web-3"), HasSubstr("no agent")));
  view_.pods.pop_back();
  decision = Now();
  EXPECT_EQ(decision.lost, 1);
  EXPECT_EQ(decision.inputs[1].why, "1 of its 2 pods is not there");
}

TEST_F(DecisionUnitsTest, AGroupLoadsUntilAllItsPodsHaveBeenReady) {
  SetGroups({{92, 92}, {92, 92}});
  NotReady(3);
  EXPECT_EQ(Now().loading, 1);
  view_.pods.pop_back();
  NotReady(2);
  EXPECT_EQ(Now().loading, 1) << "its worker is not there yet";
}

TEST_F(DecisionUnitsTest, ALeaderWithoutAGpuIsNoTrouble) {
  SetGroups({{10, 92}});
  view_.pods[0].gpus.clear();
  EXPECT_EQ(*Now().value, 92);
  view_.pods[1].gpus.clear();
  Watch(1s);
  EXPECT_EQ(Now().inputs[0].why, "it has no GPU");
}

TEST_F(DecisionUnitsTest, AGroupIsIdleWhenAllItsPodsAre) {
  SetGroups({{0, 50}});
  Watch(100s);
  SetValue(1, 0);
  Watch(59s);
  EXPECT_TRUE(*Now().active);
  EXPECT_EQ(Now().active_why, "group 0 of default/llm is known to be idle for less than 1m");
  Watch(1s);
  EXPECT_FALSE(*Now().active);
}

TEST_F(DecisionUnitsTest, ValueIsRefusedWhereTheHpaCountsPodsAndNotReplicas) {
  spec_.replica_label = "r";
  AddPods({{92}, {92}, {92}, {92}});
  for (size_t i = 0; i < 4; ++i) {
    ChangePod(i, [&](model::Pod& pod) { pod.labels = {{"r", std::to_string(i / 2)}}; });
  }
  SetReplicas(2);
  EXPECT_EQ(*Now().value, 184);
  type_ = HpaMetricType::kValue;
  const Decision decision = Now();
  EXPECT_TRUE(absl::IsInvalidArgument(decision.value.status()));
  EXPECT_THAT(std::string(decision.value.status().message()), HasSubstr("use AverageValue"));
  // What adds up is divided by what the HPA multiplies by, whatever that is.
  Ask(model::MetricId::kPowerDraw, 80);
  for (size_t i = 0; i < 4; ++i) SetValue(i, 100);
  EXPECT_EQ(*Now().value, 50);
}

TEST_F(DecisionUnitsTest, APodWithoutTheLabelIsALostReplica) {
  spec_.replica_label = "r";
  AddPods({{92}, {92}});
  ChangePod(0, [](model::Pod& pod) { pod.labels = {{"r", "0"}}; });
  SetReplicas(2);
  const Decision decision = Now();
  EXPECT_EQ(decision.measured, 1);
  EXPECT_EQ(decision.lost, 1);
  EXPECT_THAT(decision.inputs[0].why, HasSubstr("replicaLabel"));
}

}  // namespace
}  // namespace kgs::decision
