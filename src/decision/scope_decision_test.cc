// SPDX-License-Identifier: Apache-2.0
#include "decision/scope_decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/workloads.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using model::HpaMetricType;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using trigger::Scope;

constexpr base::SteadyTime kNow{1h};

class ScopeDecisionTest : public ::testing::Test {
 protected:
  ScopeDecisionTest() { spec_.target = 80; }

  void AddNode(const std::string& name, const std::vector<double>& values,
               base::SteadyTime taken = kNow) {
    const model::PodView pod = testing::MakePod("any", values, taken, spec_.metric);
    auto node = std::make_shared<model::NodeSnapshot>();
    if (!values.empty()) *node = *pod.gpus[0].node;
    nodes_.push_back({name, node, 3s});
  }
  void SetReplicas(int replicas) {
    workload_ = testing::MakeWorkload(replicas);
    for (int i = 0; i < replicas; ++i) {
      workload_->pods.push_back(testing::MakePod("web-" + std::to_string(i), {0}, kNow));
    }
  }
  Decision Now() const {
    return DecideScope({spec_, scope_, type_, workload_ ? &*workload_ : nullptr, nodes_, kNow});
  }
  std::string Error() const {
    const Decision decision = Now();
    EXPECT_FALSE(decision.value.ok());
    EXPECT_EQ(decision.active.status(), decision.value.status());
    EXPECT_EQ(decision.formula, "");
    EXPECT_LT(decision.value.status().message().size(), 512u);
    return std::string(decision.value.status().message());
  }

  trigger::TriggerSpec spec_;
  Scope scope_ = Scope::kNode;
  std::optional<HpaMetricType> type_ = HpaMetricType::kAverageValue;
  std::optional<model::WorkloadView> workload_;
  std::vector<NodeView> nodes_;
};

TEST_F(ScopeDecisionTest, AverageValueIsTimesTheReplicas) {
  AddNode("a", {92, 20});
  SetReplicas(3);
  Decision decision = Now();
  EXPECT_EQ(*decision.value, 276);
  EXPECT_EQ(decision.branch, Branch::kWholeTimesReplicas);
  EXPECT_EQ(decision.formula, "X*R = 92*3 = 276");
  EXPECT_THAT(decision.warnings, IsEmpty());
  EXPECT_EQ(decision.inputs[0].name, "node a");
  EXPECT_TRUE(*decision.active);
  type_ = HpaMetricType::kValue;
  EXPECT_EQ(*Now().value, 92);
}

TEST_F(ScopeDecisionTest, NodesWithoutTheMetricAreNotMissedAmongOthers) {
  scope_ = Scope::kCluster;
  AddNode("a", {92, 20});
  AddNode("b", {1});
  auto node = std::make_shared<model::NodeSnapshot>(*nodes_[1].snapshot);
  node->gpus[0].readings[spec_.metric] =
      model::Reading::Absent(model::Missing::kUnsupported, "this GPU has no GPM");
  nodes_[1].snapshot = node;
  EXPECT_EQ(*Now().value, 92);
  EXPECT_EQ(Now().pods, 1);
  nodes_.erase(nodes_.begin());
  EXPECT_THAT(Error(), HasSubstr("this GPU has no GPM")) << "alone it is the trouble";
  nodes_.push_back(nodes_[0]);
  EXPECT_THAT(Error(), HasSubstr("this GPU has no GPM")) << "and where all are so";
  auto troubled = std::make_shared<model::NodeSnapshot>(*node);
  troubled->sources = {{.backend = "nvml", .open = false, .problem = "Driver Not Loaded"}};
  nodes_[0].snapshot = troubled;
  nodes_.push_back(nodes_[1]);
  AddNode("c", {50});
  EXPECT_THAT(Error(), HasSubstr("this GPU has no GPM")) << "its other driver may have GPUs";
  nodes_.resize(2);
  auto broken = std::make_shared<model::NodeSnapshot>(*node);
  broken->gpus[0].readings[spec_.metric] =
      model::Reading::Absent(model::Missing::kDriverError, "broken");
  nodes_[0].snapshot = broken;
  AddNode("c", {50});
  EXPECT_THAT(Error(), HasSubstr("broken")) << "a failure is missed";
}

TEST_F(ScopeDecisionTest, WhatIsWrongWithGpusIsSaid) {
  scope_ = Scope::kCluster;
  type_ = HpaMetricType::kValue;
  AddNode("a", {92, 20, 30});
  AddNode("b", {1});
  EXPECT_THAT(Now().warnings, IsEmpty());
  const auto change = [&](size_t node, auto how) {
    auto changed = std::make_shared<model::NodeSnapshot>(*nodes_[node].snapshot);
    how(*changed);
    nodes_[node].snapshot = changed;
  };
  change(0, [](model::NodeSnapshot& node) {
    node.gpus[0].state = model::DeviceState::kLost;
    node.gpus[2].identity.mig = {node.gpus[0].identity.uuid, 1, 0, "1g.5gb"};
    node.gpus[2].state = model::DeviceState::kLost;
  });
  EXPECT_EQ(*Now().value, 20) << "without the lost one";
  EXPECT_THAT(Now().warnings, ElementsAre(AllOf(HasSubstr("GPU trouble: node a: GPU 0"),
                                                EndsWith("is lost"), Not(HasSubstr("GPU 2")))));
  change(1, [](model::NodeSnapshot& node) {
    node.gpus[0].health.xids = {{.code = 79, .count = 1, .last = kNow}};
    node.gpus[0].health.recovery_action = "gpu_reset";
  });
  EXPECT_THAT(Now().warnings, ElementsAre(AllOf(HasSubstr("node b: GPU 0"), HasSubstr("XID 79"),
                                                HasSubstr("gpu_reset"))));
  scope_ = Scope::kNode;
  spec_.node = "a";
  spec_.gpu_index = 1;
  EXPECT_THAT(Now().warnings, IsEmpty()) << "of one that was not asked for";
  spec_.gpu_index = 0;
  EXPECT_THAT(Error(), HasSubstr("is lost"));
  EXPECT_THAT(Now().warnings, ElementsAre(HasSubstr("node a: GPU 0")));
}

TEST_F(ScopeDecisionTest, WithoutKubernetesTheAggregateGoesOutAsItIs) {
  AddNode("a", {92});
  type_.reset();
  Decision decision = Now();
  EXPECT_EQ(*decision.value, 92);
  EXPECT_EQ(decision.branch, Branch::kWhole);
  EXPECT_THAT(decision.warnings, ::testing::ElementsAre(HasSubstr("use metricType Value"),
                                                        HasSubstr("say hpaMetric")));
  spec_.hpa_metric_type = HpaMetricType::kValue;
  decision = Now();
  EXPECT_EQ(*decision.value, 92);
  EXPECT_THAT(decision.warnings, IsEmpty());
}

TEST_F(ScopeDecisionTest, ASumIsATotalAndIsNotMultiplied) {
  AddNode("a", {300, 300, 150});
  spec_.aggregation = catalogue::Aggregation::kSum;
  SetReplicas(3);
  EXPECT_EQ(*Now().value, 750);
  type_ = HpaMetricType::kValue;
  EXPECT_EQ(*Now().value, 250);
}

TEST_F(ScopeDecisionTest, AmongSeveralNodesOneMustBeNamed) {
  AddNode("a", {10});
  AddNode("b", {20});
  EXPECT_EQ(Now().branch, Branch::kInvalid);
  EXPECT_TRUE(absl::IsInvalidArgument(Now().value.status()));
  EXPECT_THAT(Error(), HasSubstr("needs node"));
  spec_.node = "b";
  EXPECT_EQ(*Now().value, 20);
  spec_.node = "c";
  EXPECT_EQ(Now().branch, Branch::kBlind);
  EXPECT_THAT(Error(), HasSubstr("node c has not reported"));
  spec_.node_hidden = true;
  EXPECT_THAT(Error(), Not(HasSubstr("node c")));
}

TEST_F(ScopeDecisionTest, TheClusterIsAllNodes) {
  scope_ = Scope::kCluster;
  EXPECT_THAT(Error(), HasSubstr("no node has reported"));
  AddNode("a", {10, 90});
  AddNode("b", {50});
  AddNode("no-gpus", {});
  SetReplicas(2);
  EXPECT_EQ(*Now().value, 180);
  EXPECT_EQ(Now().measured, 2);
  spec_.aggregation = catalogue::Aggregation::kAvg;
  EXPECT_EQ(*Now().value, 100) << "over GPUs, not over nodes";
  AddNode("silent", {50}, kNow - 4s);
  EXPECT_THAT(Error(), AllOf(HasSubstr("ScaledObject default/web"), HasSubstr("node silent")));
  EXPECT_EQ(Now().lost, 1);
}

TEST_F(ScopeDecisionTest, NodesThatMayNotHaveReportedYetAreMissed) {
  AddNode("a", {92});
  SetReplicas(1);
  for (const Scope scope : {Scope::kCluster, Scope::kNode}) {
    ScopeQuestion question{spec_, scope, type_, &*workload_, nodes_, kNow};
    question.listening = 29s;
    EXPECT_TRUE(absl::IsUnavailable(DecideScope(question).value.status()));
    question.listening = 30s;
    EXPECT_EQ(*DecideScope(question).value, 92);
  }
  spec_.node = "a";
  ScopeQuestion named{spec_, Scope::kNode, type_, &*workload_, nodes_, kNow};
  named.listening = 0s;
  EXPECT_EQ(*DecideScope(named).value, 92) << "no other is meant";
}

TEST_F(ScopeDecisionTest, ActiveIsTheReadingOfTheMoment) {
  AddNode("a", {10});
  SetReplicas(3);
  spec_.activation_threshold = 10;
  EXPECT_FALSE(*Now().active) << "not 30";
  spec_.activation_threshold = 9;
  EXPECT_TRUE(*Now().active);
  EXPECT_EQ(Now().active_why, "10 is above 9");
  SetReplicas(0);
  EXPECT_EQ(*Now().value, 0);
  EXPECT_TRUE(*Now().active) << "the node is there without the workload";
}

TEST_F(ScopeDecisionTest, AlwaysActiveIsActiveBlind) {
  spec_.always_active = true;
  EXPECT_FALSE(Now().value.ok());
  EXPECT_TRUE(*Now().active);
}

TEST_F(ScopeDecisionTest, TroubleWithKubernetesIsNeverAnotherScope) {
  AddNode("a", {92});
  SetReplicas(3);
  workload_->problem = "the API server is out of reach";
  EXPECT_EQ(Now().branch, Branch::kNoWorkload);
  EXPECT_THAT(Error(), HasSubstr("out of reach"));
}

TEST_F(ScopeDecisionTest, ScaledJobsAreAnsweredForDemandsOnly) {
  spec_.aggregation = catalogue::Aggregation::kSum;
  AddNode("a", {92, 10});
  SetReplicas(0);
  workload_->object = testing::MakeObject(model::ObjectKind::kScaledJob);
  workload_->target = nullptr;
  type_ = HpaMetricType::kNone;
  EXPECT_THAT(Error(), HasSubstr("is a level"));
  spec_.metric = model::MetricId::kPowerDraw;
  nodes_.clear();
  AddNode("a", {92, 10});
  EXPECT_EQ(*Now().value, 102);
}

TEST_F(ScopeDecisionTest, NobodyReadyUnderValueIsHeld) {
  AddNode("a", {92});
  SetReplicas(1);
  workload_->pods[0] =
      testing::ChangePod(workload_->pods[0], [](model::Pod& pod) { pod.ready = false; });
  type_ = HpaMetricType::kValue;
  EXPECT_EQ(*Now().value, 80);
}

TEST(EffectiveScopeTest, IsDecidedByWhatIsConfigured) {
  trigger::TriggerSpec spec;
  EXPECT_EQ(*EffectiveScope(spec, true), Scope::kWorkload);
  EXPECT_EQ(*EffectiveScope(spec, false), Scope::kNode);
  for (const Scope scope : {Scope::kNode, Scope::kCluster}) {
    spec.scope = scope;
    EXPECT_EQ(*EffectiveScope(spec, true), scope);
    EXPECT_EQ(*EffectiveScope(spec, false), scope);
  }
  spec.scope = Scope::kWorkload;
  EXPECT_EQ(*EffectiveScope(spec, true), Scope::kWorkload);
  EXPECT_TRUE(absl::IsInvalidArgument(EffectiveScope(spec, false).status()));
}

TEST_F(ScopeDecisionTest, AHiddenTargetIsNotToldByAHeldValue) {
  AddNode("a", {92});
  SetReplicas(1);
  workload_->pods[0] =
      testing::ChangePod(workload_->pods[0], [](model::Pod& pod) { pod.ready = false; });
  type_ = HpaMetricType::kValue;
  spec_.target_hidden = true;
  const Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kNoneReady);
  EXPECT_EQ(*decision.value, 80);
  EXPECT_TRUE(decision.value_hidden);
  EXPECT_THAT(decision.formula, Not(HasSubstr("80")));
}

}  // namespace
}  // namespace kgs::decision
