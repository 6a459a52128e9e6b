// SPDX-License-Identifier: Apache-2.0
//
// Each branch of a workload's number, by example. The arithmetic alone: number_test.cc.
#include "decision/decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decision/decision_test_fixture.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using model::HpaMetricType;
using model::MetricId;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DecisionTest : public DecisionFixture {};

TEST_F(DecisionTest, ThreePodsAt92AreTheirSumOrTheirMean) {
  SetPods({{92}, {92}, {92}});
  Decision decision = Now();
  EXPECT_EQ(*decision.value, 276);
  EXPECT_EQ(decision.branch, Branch::kAllMeasured);
  EXPECT_EQ(decision.formula, "A*n = 92*3 = 276");
  EXPECT_EQ(decision.replicas, 3);
  EXPECT_EQ(decision.pods, 3);
  EXPECT_EQ(decision.measured, 3);
  EXPECT_EQ(decision.ready, 3);
  EXPECT_EQ(decision.coverage, 1);
  EXPECT_EQ(decision.oldest_reading_age, 0s);
  EXPECT_THAT(decision.warnings, IsEmpty());
  ASSERT_EQ(decision.inputs.size(), 3u);
  EXPECT_EQ(decision.inputs[1].name, "pod default/web-1");
  EXPECT_EQ(decision.inputs[1].standing, "measured");
  EXPECT_EQ(decision.inputs[1].value, 92);
  type_ = HpaMetricType::kValue;
  decision = Now();
  EXPECT_EQ(*decision.value, 92);
  EXPECT_EQ(decision.formula, "A = 92");
}

TEST_F(DecisionTest, PodAggregationMaxTakesTheLargest) {
  SetPods({{100}, {80}, {60}});
  EXPECT_EQ(*Now().value, 240);
  spec_.pod_aggregation = trigger::PodAggregation::kMax;
  EXPECT_EQ(*Now().value, 300);
  type_ = HpaMetricType::kValue;
  EXPECT_EQ(*Now().value, 100);
}

TEST_F(DecisionTest, APodThatHasNotBeenReadyNeitherRemovesNorAdds) {
  SetPods({{92}, {92}, {92}, {0}});
  NotReady(3);
  Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kMissingAboveTarget);
  EXPECT_EQ(*decision.value, 320) << "80 * 4 rather than 276, which would remove it";
  EXPECT_EQ(decision.loading, 1);
  SetPods({{92}, {92}, {92}, {0}});
  NotReady(3);
  for (int i = 0; i < 3; ++i) SetValue(i, 40);
  decision = Now();
  EXPECT_EQ(decision.branch, Branch::kMissingUnderTarget);
  EXPECT_EQ(*decision.value, 200);
  EXPECT_EQ(decision.formula, "A*n + T*(R-n) = 40*3 + 80*1 = 200");
  type_ = HpaMetricType::kValue;
  EXPECT_EQ(*Now().value, 80);
}

TEST_F(DecisionTest, PodsThatAreNotThereYetCountAsLoading) {
  SetPods({{92}, {92}, {92}});
  SetReplicas(7);
  const Decision decision = Now();
  EXPECT_EQ(*decision.value, 560);
  EXPECT_EQ(decision.formula, "max(A*n, T*R) = max(92*3, 80*7) = 560");
}

TEST_F(DecisionTest, APodThatWasReadyAndIsNotIsNotLoading) {
  SetPods({{92}, {92}});
  Watch(5s);
  NotReady(1);
  Decision decision = Now();
  EXPECT_EQ(*decision.value, 184) << "its load goes on";
  EXPECT_EQ(decision.branch, Branch::kAllMeasured);
  type_ = HpaMetricType::kValue;
  decision = Now();
  EXPECT_EQ(*decision.value, 80) << "under Value it cannot vouch: the HPA does not count it";
  EXPECT_EQ(decision.branch, Branch::kMissingAboveTarget);
  EXPECT_EQ(decision.coverage, 1);
}

TEST_F(DecisionTest, APodThatWasReadyBeforeThisProcessSawItIsKnownByItsTimes) {
  SetPods({{92}, {92}});
  NotReady(1, /*started=*/1000, /*ready_changed=*/1006);
  EXPECT_EQ(*Now().value, 184);
  NotReady(1, 1000, 1005);
  EXPECT_EQ(Now().loading, 1);
}

TEST_F(DecisionTest, UnderValueWithNoPodReadyTheReplicasAreHeld) {
  SetPods({{100}, {100}});
  Watch(5s);
  NotReady(0);
  NotReady(1);
  type_ = HpaMetricType::kValue;
  const Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kNoneReady);
  EXPECT_EQ(*decision.value, 80);
  EXPECT_EQ(decision.formula, "T = 80");
}

TEST_F(DecisionTest, WhileEveryPodLoadsTheReplicasAreHeld) {
  SetPods({{0}, {0}});
  NotReady(0);
  NotReady(1);
  Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kAllLoading);
  EXPECT_EQ(*decision.value, 160);
  EXPECT_EQ(decision.formula, "T*R = 80*2 = 160");
  type_ = HpaMetricType::kValue;
  EXPECT_EQ(*Now().value, 80);
  view_.pods.clear();
  EXPECT_EQ(*Now().value, 80);
}

TEST_F(DecisionTest, LostPodsAreHeldAndAllLostBecomesAnError) {
  SetPods({{92}, {92}, {92}});
  Watch(60s);
  Lose(2);
  Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kMissingAboveTarget);
  EXPECT_EQ(*decision.value, 240);
  EXPECT_EQ(decision.lost, 1);
  EXPECT_EQ(decision.inputs[2].standing, "lost");
  EXPECT_EQ(decision.inputs[2].why, "no agent reports from node node-a");
  EXPECT_TRUE(*decision.active);

  const base::SteadyTime last = now_;
  Lose(0);
  Lose(1);
  while (now_ < last + 30s) {
    Watch(1s);
    decision = Now();
    EXPECT_EQ(decision.branch, Branch::kBlindHeld);
    EXPECT_EQ(*decision.value, 240);
    EXPECT_TRUE(*decision.active);
  }
  Watch(1s);
  decision = Now();
  EXPECT_EQ(decision.branch, Branch::kBlind);
  EXPECT_TRUE(absl::IsUnavailable(decision.value.status()));
  EXPECT_EQ(decision.active.status(), decision.value.status());
  EXPECT_LT(decision.value.status().message().size(), 512u);
  EXPECT_THAT(std::string(decision.value.status().message()),
              AllOf(HasSubstr("ScaledObject default/web"), HasSubstr("(0 of 3)"),
                    HasSubstr("pod default/web-0: no agent reports from node node-a")));
  EXPECT_EQ(decision.formula, "");
}

TEST_F(DecisionTest, HoldSecondsOfZeroIsAnErrorAtOnce) {
  spec_.hold = 0s;
  SetPods({{92}});
  Watch(5s);
  Pass(1s);
  Lose(0);
  EXPECT_EQ(Now().branch, Branch::kBlind);
}

TEST_F(DecisionTest, AProcessThatHasJustStartedHoldsToo) {
  SetPods({{92}});
  Lose(0);
  EXPECT_EQ(Now().branch, Branch::kBlindHeld);
  Watch(30s);
  EXPECT_EQ(Now().branch, Branch::kBlindHeld);
  Watch(1s);
  EXPECT_EQ(Now().branch, Branch::kBlind);
}

TEST_F(DecisionTest, TooFewFreshReadingsAreAsIfAllWereLost) {
  SetPods({{92}, {92}, {92}, {92}});
  Watch(60s);
  Lose(1);
  Lose(2);
  EXPECT_EQ(Now().branch, Branch::kMissingAboveTarget) << "half is enough";
  Lose(3);
  Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kBlindHeld);
  EXPECT_EQ(decision.coverage, 0.25);
  Watch(31s);
  EXPECT_EQ(Now().branch, Branch::kBlind) << "though one reading goes on being fresh";
  spec_.min_coverage = 0.25;
  EXPECT_EQ(Now().branch, Branch::kMissingAboveTarget);
}

TEST_F(DecisionTest, APodThatIsNeverReadyCountsInTheCoverageWhenItIsOverdue) {
  SetPods({{92}, {0}, {0}});
  NotReady(1);
  NotReady(2);
  Watch(1800s);
  EXPECT_EQ(Now().coverage, 1);
  EXPECT_EQ(Now().loading, 2);
  Watch(1s);
  const Decision decision = Now();
  EXPECT_EQ(decision.overdue, 2);
  EXPECT_NEAR(decision.coverage.value(), 1.0 / 3, 1e-9);
  EXPECT_EQ(decision.branch, Branch::kBlindHeld);
}

TEST_F(DecisionTest, NoReplicasAreZeroAndIdle) {
  SetReplicas(0);
  const Decision decision = Now();
  EXPECT_EQ(*decision.value, 0);
  EXPECT_FALSE(*decision.active);
  EXPECT_EQ(decision.branch, Branch::kNoReplicas);
}

TEST_F(DecisionTest, WhatKubernetesDoesNotSayIsAnError) {
  SetPods({{92}});
  view_.problem = "apps/v1 Deployment web: not found";
  Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kNoWorkload);
  EXPECT_THAT(std::string(decision.value.status().message()), HasSubstr("web: not found"));
  view_.problem.clear();
  view_.target = nullptr;
  decision = Now();
  EXPECT_TRUE(absl::IsUnavailable(decision.value.status()));
}

TEST_F(DecisionTest, AGpuIndexIsAPlaceInEachPod) {
  SetPods({{10, 90}, {30, 50}});
  spec_.gpu_index = 0;
  EXPECT_EQ(*Now().value, 40);
  spec_.gpu_index = 2;
  const Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kNoSuchGpu);
  EXPECT_THAT(std::string(decision.value.status().message()),
              AllOf(HasSubstr("pod default/web-0"), HasSubstr("gpuIndex 2: it has 2 GPUs")));
  spec_.gpu_index_hidden = true;
  EXPECT_THAT(std::string(Now().value.status().message()), HasSubstr("gpuIndex: it has 2 GPUs"));
}

TEST_F(DecisionTest, ALostGpuIsALostPod) {
  SetPods({{92, 92}, {92}});
  Watch(1s);
  auto node = std::make_shared<model::NodeSnapshot>(*view_.pods[0].gpus[0].node);
  node->gpus[1].state = model::DeviceState::kLost;
  view_.pods[0].gpus[1].node = node;
  const Decision decision = Now();
  EXPECT_EQ(decision.lost, 1);
  EXPECT_THAT(decision.inputs[0].why, HasSubstr("is lost"));
}

TEST_F(DecisionTest, SharedGpusAreSaid) {
  SetPods({{90}});
  view_.pods[0].gpus[0].all_shares = 3;
  Decision decision = Now();
  EXPECT_EQ(*decision.value, 90);
  EXPECT_THAT(decision.warnings, ElementsAre(AllOf(HasSubstr("shared GPU: 1 replica"),
                                                   HasSubstr("that of the whole GPU"))));
  Ask(MetricId::kPowerDraw, 250);
  SetPods({{90}});
  view_.pods[0].gpus[0].all_shares = 3;
  decision = Now();
  EXPECT_EQ(*decision.value, 30);
  EXPECT_THAT(decision.warnings, ElementsAre(HasSubstr("divided by the shares")));
}

TEST_F(DecisionTest, AFormulaNeedsEveryPod) {
  SetPods({{92}, {92}});
  SetModifiers(HpaMetricType::kValue);
  EXPECT_EQ(*Now().value, 92) << "the modifiers' metric type";
  EXPECT_EQ(Now().metric_type, HpaMetricType::kValue);
  SetReplicas(3);
  Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kFormulaIncomplete);
  EXPECT_THAT(std::string(decision.value.status().message()), HasSubstr("2 of 3 replicas"));
  SetReplicas(2);
  Watch(1s);
  NotReady(1);
  decision = Now();
  EXPECT_THAT(std::string(decision.value.status().message()), HasSubstr("not Ready now"));
  SetModifiers(HpaMetricType::kAverageValue);
  EXPECT_EQ(*Now().value, 184);
  Lose(0);
  decision = Now();
  EXPECT_THAT(std::string(decision.value.status().message()), HasSubstr("no agent reports"));
  EXPECT_TRUE(absl::IsUnavailable(decision.active.status()));
  SetReplicas(0);
  EXPECT_EQ(*Now().value, 0);
}

TEST_F(DecisionTest, HpaMetricTypeMayNotContradictKubernetes) {
  SetPods({{92}, {92}});
  spec_.hpa_metric_type = HpaMetricType::kAverageValue;
  EXPECT_EQ(*Now().value, 184);
  spec_.hpa_metric_type = HpaMetricType::kValue;
  const Decision decision = Now();
  EXPECT_TRUE(absl::IsInvalidArgument(decision.value.status()));
  EXPECT_THAT(std::string(decision.value.status().message()),
              HasSubstr("hpaMetricType contradicts Kubernetes, where the HPA's metric type is "
                        "AverageValue"));
  SetModifiers(HpaMetricType::kValue);
  EXPECT_EQ(*Now().value, 92);
}

TEST_F(DecisionTest, SecretNumbersAreNotWrittenDown) {
  spec_.target = 77;
  spec_.target_hidden = true;
  spec_.threshold_hidden = true;
  spec_.activation_threshold = 33;
  SetPods({{92}, {92}});
  SetReplicas(3);
  Decision decision = Now();
  EXPECT_EQ(*decision.value, 231);
  EXPECT_TRUE(decision.value_hidden) << "by R it is the target";
  EXPECT_THAT(decision.formula, AllOf(Not(HasSubstr("231")), Not(HasSubstr("77"))));
  EXPECT_EQ(decision.active_why, "pod default/web-0 at 92 is above the threshold");
  SetReplicas(2);
  decision = Now();
  EXPECT_FALSE(decision.value_hidden);
  EXPECT_EQ(decision.formula, "A*n = 92*2 = 184");
}

TEST_F(DecisionTest, ARolloutDoesNotHideALostPod) {
  SetPods({{50}, {50}, {50}, {50}});
  SetReplicas(3);
  Watch(5s);
  EXPECT_EQ(*Now().value, 200);
  Lose(3);
  const Decision decision = Now();
  EXPECT_EQ(*decision.value, 230) << "three replicas still";
  EXPECT_EQ(decision.branch, Branch::kMissingUnderTarget);
}

TEST_F(DecisionTest, APodThatIsReadyBeforeItsFirstReadingIsHeld) {
  SetPods({{92}});
  NotReady(0);
  Lose(0);
  Watch(120s);
  EXPECT_EQ(Now().branch, Branch::kAllLoading);
  ChangePod(0, [](model::Pod& pod) { pod.ready = true; });
  Watch(1s);
  EXPECT_EQ(Now().branch, Branch::kBlindHeld) << Now().value.status();
  Watch(31s);
  EXPECT_EQ(Now().branch, Branch::kBlind);
}

}  // namespace
}  // namespace kgs::decision
