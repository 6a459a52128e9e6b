// SPDX-License-Identifier: Apache-2.0
//
// Decisions on what engines say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decision/decision_test_fixture.h"
#include "decision/scope_decision.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using model::EngineGap;
using model::EngineReading;
using model::HpaMetricType;
using ::testing::HasSubstr;
using ::testing::Not;

class EngineDecisionTest : public DecisionFixture {
 protected:
  void AskDemand() { AskBy({{"metricType", "vllm_demand"}, {"targetValue", "16"}}); }
  void AskLevel() { AskBy({{"metricType", "vllm_ttft_p95_ms"}, {"targetValue", "200"}}); }
  /// Deaf to everything but the value itself.
  void AskSeries(const trigger::Metadata& more = {}) {
    trigger::Metadata metadata = {{"metricType", "prometheus"},
                                  {"seriesName", "app:queue"},
                                  {"enginePort", "9100"},
                                  {"targetValue", "16"}};
    metadata.insert(more.begin(), more.end());
    AskBy(metadata);
  }
  void AskVllmInference() { AskBy({{"profile", "vllm-inference"}}); }
};

TEST_F(EngineDecisionTest, ADemandIsTheSumOverThePods) {
  AskDemand();
  SetEngines({20, 0, 12.5});
  const Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kDemand);
  EXPECT_EQ(*decision.value, 32.5);
  EXPECT_EQ(decision.measured, 3);
  EXPECT_EQ(decision.inputs[2].source, "engine");
  EXPECT_EQ(decision.inputs[2].value, 12.5);
  EXPECT_EQ(decision.active_why, "pod default/web-0 at 20 is above 0");
  type_ = HpaMetricType::kValue;
  EXPECT_EQ(*Now().value, 10.833);
}

TEST_F(EngineDecisionTest, ALevelGoesByTheRuleOfLevels) {
  AskLevel();
  SetEngines({100, 300});
  EXPECT_EQ(Now().branch, Branch::kAllMeasured);
  EXPECT_EQ(*Now().value, 400);
  spec_.pod_aggregation = trigger::PodAggregation::kMax;
  EXPECT_EQ(*Now().value, 600);
}

TEST_F(EngineDecisionTest, AReadingOfAnotherQuerySaysNothing) {
  AskDemand();
  SetEngines({20});
  AskSeries();
  const Decision decision = Now();
  EXPECT_EQ(decision.lost, 1);
  EXPECT_EQ(decision.inputs[0].why, "its engine has not been read yet");
}

TEST_F(EngineDecisionTest, AStaleReadingIsNoneWhateverItWas) {
  AskSeries();
  SetEngines({20, 20});
  SetEngine(1, *spec_.engine, EngineGap::kSleeping);
  now_ += kMaxAge;
  EXPECT_EQ(Now().measured, 1);
  EXPECT_EQ(Now().asleep, 1);
  now_ += 1ms;
  const Decision decision = Now();
  EXPECT_EQ(decision.lost, 2);
  EXPECT_EQ(decision.inputs[0].why, "the last reading of its engine is stale");
  EXPECT_EQ(decision.inputs[1].why, "the last reading of its engine is stale");
}

TEST_F(EngineDecisionTest, WhatIsNoValueIsLostAndHeldWithTheReason) {
  for (const EngineGap gap :
       {EngineGap::kNoValueYet, EngineGap::kAbsent, EngineGap::kUnknown, EngineGap::kFault}) {
    AskDemand();
    SetEngines({20, 20});
    SetEngine(1, *spec_.engine, gap);
    const Decision decision = Now();
    EXPECT_EQ(decision.branch, Branch::kDemandPartlyLost);
    EXPECT_EQ(*decision.value, 36) << "20, and the target for the lost one";
    EXPECT_EQ(decision.inputs[1].standing, "lost");
    EXPECT_EQ(decision.inputs[1].why, "words of the agent");
    EXPECT_EQ(decision.inputs[1].source, "engine");
    EXPECT_TRUE(*decision.active);
  }
}

TEST_F(EngineDecisionTest, AnErrorNamesTheMetricThePodsAndTheReasons) {
  AskDemand();
  SetEngines({20});
  SetEngine(0, *spec_.engine, EngineGap::kFault);
  Watch(31s);
  const Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kBlind);
  EXPECT_EQ(decision.value.status(),
            absl::UnavailableError("ScaledObject default/web: no fresh vllm_demand of enough pods "
                                   "(0 of 1): pod default/web-0: words of the agent"));
}

TEST_F(EngineDecisionTest, WhatTheEnvironmentAsksForIsNotInTheReason) {
  AskSeries();
  spec_.engine_hidden = true;
  SetEngines({20});
  SetEngine(0, *spec_.engine, EngineGap::kAbsent);
  EXPECT_EQ(Now().inputs[0].why, "its engine: absent");
}

TEST_F(EngineDecisionTest, APodWithoutAnAgentHasThatReason) {
  AskDemand();
  SetEngines({20});
  view_.pods[0].engines.clear();
  Lose(0);
  EXPECT_EQ(Now().inputs[0].why, "no agent reports from node node-a");
  view_.pods[0].unattributed = model::Unattributed::kNoDevice;
  EXPECT_EQ(Now().inputs[0].why, "its engine has not been read yet");
  SetEngine(0, *spec_.engine, 20);
  EXPECT_EQ(*Now().value, 20) << "what its devices are is another question";
}

TEST_F(EngineDecisionTest, ATimeInWhichNothingHappenedIsZeroAndIdle) {
  AskBy({{"profile", "triton-queue-wait"}});
  SetEngines({0, 90});
  SetEngine(0, *spec_.engine, EngineGap::kNothingHappened);
  Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kAllMeasured);
  EXPECT_EQ(*decision.value, 90);
  EXPECT_EQ(decision.inputs[0].value, 0);
  SetEngine(1, *spec_.engine, EngineGap::kNothingHappened);
  Watch(61s);
  decision = Now();
  EXPECT_EQ(*decision.value, 0);
  EXPECT_FALSE(*decision.active) << decision.active_why;
}

TEST_F(EngineDecisionTest, APodThatSleepsHasNoDemandAndIsNoCapacity) {
  AskDemand();
  SetEngines({20, 20, 0});
  SetEngine(2, *spec_.engine, EngineGap::kSleeping);
  Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kDemand);
  EXPECT_EQ(*decision.value, 40);
  EXPECT_EQ(decision.asleep, 1);
  EXPECT_EQ(decision.lost + decision.loading, 0);
  EXPECT_EQ(decision.coverage, 1);
  EXPECT_EQ(decision.inputs[2].standing, "asleep");
  EXPECT_EQ(decision.inputs[2].why, "its engine sleeps");
  EXPECT_FALSE(decision.inputs[2].value);

  AskLevel();
  SetEngines({300, 300, 0});
  SetEngine(2, *spec_.engine, EngineGap::kSleeping);
  decision = Now();
  EXPECT_EQ(decision.branch, Branch::kMissingAboveTarget);
  EXPECT_EQ(*decision.value, 600) << "the mean of those awake";
  SetEngine(0, *spec_.engine, 50);
  SetEngine(1, *spec_.engine, 50);
  EXPECT_EQ(*Now().value, 300) << "it is not removed in place of one that works";
}

TEST_F(EngineDecisionTest, AWorkloadThatSleepsIsIdle) {
  AskDemand();
  SetEngines({0, 0});
  for (const size_t i : {0, 1}) SetEngine(i, *spec_.engine, EngineGap::kSleeping);
  Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kDemand);
  EXPECT_EQ(*decision.value, 0);
  Watch(61s);
  EXPECT_FALSE(*Now().active);
  AskLevel();
  for (const size_t i : {0, 1}) SetEngine(i, *spec_.engine, EngineGap::kSleeping);
  decision = Now();
  EXPECT_EQ(decision.branch, Branch::kAllLoading);
  EXPECT_EQ(*decision.value, 400) << "held: there is nothing to go by";
}

TEST_F(EngineDecisionTest, APodThatSleepsBeforeItWasReadyIsLoading) {
  AskDemand();
  SetEngines({20, 0});
  SetEngine(1, *spec_.engine, EngineGap::kSleeping);
  NotReady(1);
  EXPECT_EQ(Now().loading, 1);
  EXPECT_EQ(Now().asleep, 0);
}

TEST_F(EngineDecisionTest, AFormulaCanTakeADemandOfPodsThatSleepAndNoLevel) {
  SetModifiers(HpaMetricType::kAverageValue);
  AskDemand();
  SetEngines({20, 0});
  SetEngine(1, *spec_.engine, EngineGap::kSleeping);
  EXPECT_EQ(*Now().value, 20);
  AskLevel();
  SetEngines({20, 0});
  SetEngine(1, *spec_.engine, EngineGap::kSleeping);
  EXPECT_EQ(Now().branch, Branch::kFormulaIncomplete);
  EXPECT_THAT(std::string(Now().value.status().message()), HasSubstr("web-1: its engine sleeps"));
}

TEST_F(EngineDecisionTest, AQueueThatIsEmptyWhileRequestsRunIsNotIdle) {
  AskBy({{"profile", "vllm-queue-depth"}});
  SetEngines({0, 0});
  SetEngine(0, *spec_.engine_load, 3);
  SetEngine(1, *spec_.engine_load, 0);
  Watch(61s);
  Decision decision = Now();
  EXPECT_EQ(*decision.value, 0);
  EXPECT_TRUE(*decision.active);
  EXPECT_EQ(decision.active_why, "pod default/web-0 has requests that wait or run: 3");
  SetEngine(0, *spec_.engine_load, 0);
  Watch(61s);
  EXPECT_FALSE(*Now().active);
  SetEngine(1, *spec_.engine_load, EngineGap::kFault);
  decision = Now();
  EXPECT_TRUE(*decision.active);
  EXPECT_EQ(decision.active_why, "pod default/web-1 is not known to be idle");
}

TEST_F(EngineDecisionTest, TheLeaderOfAGroupSpeaksForIt) {
  AskDemand();
  SetEngines({20, 0, 12, 0});
  for (size_t i = 0; i < 4; ++i) {
    ChangePod(i, [&](model::Pod& pod) {
      pod.labels = {{"leaderworkerset.sigs.k8s.io/group-index", std::to_string(i / 2)},
                    {"leaderworkerset.sigs.k8s.io/name", "llm"},
                    {"leaderworkerset.sigs.k8s.io/worker-index", std::to_string(i % 2)}};
      pod.group_size = 2;
    });
  }
  SetReplicas(2);
  SetEngine(1, *spec_.engine, EngineGap::kFault);
  view_.pods[3].engines.clear();
  Decision decision = Now();
  EXPECT_EQ(decision.measured, 2);
  EXPECT_EQ(*decision.value, 32);
  SetEngine(2, *spec_.engine, EngineGap::kFault);
  EXPECT_EQ(Now().inputs[1].why, "default/web-2: words of the agent");
  view_.pods.pop_back();
  EXPECT_EQ(Now().inputs[1].why, "1 of its 2 pods is not there");
}

TEST_F(EngineDecisionTest, TheEnginesOfAReplicaAddUpAndTheHighestLevelCounts) {
  for (const bool demand : {true, false}) {
    AskSeries({{"seriesCombine", demand ? "sum" : "max"}, {"replicaLabel", "r"}});
    SetEngines({20, 12, 5, 5});
    for (size_t i = 0; i < 4; ++i) {
      ChangePod(i, [&](model::Pod& pod) { pod.labels = {{"r", std::to_string(i / 2)}}; });
    }
    SetReplicas(2);
    EXPECT_EQ(Now().inputs[0].value, demand ? 32 : 20);
    SetEngine(0, *spec_.engine, EngineGap::kSleeping);
    EXPECT_EQ(Now().inputs[0].value, 12) << "the other is awake";
    EXPECT_EQ(Now().inputs[0].why, "");
    SetEngine(1, *spec_.engine, EngineGap::kAbsent);
    EXPECT_FALSE(Now().inputs[0].value);
  }
}

TEST_F(EngineDecisionTest, NoReadingIsNegativeOrWild) {
  AskSeries();
  SetEngines({-5});
  EXPECT_EQ(*Now().value, 0);
  AskSeries({{"replicaLabel", "r"}});
  SetEngines({1e308, 1e308});
  for (size_t i = 0; i < 2; ++i) ChangePod(i, [](model::Pod& pod) { pod.labels = {{"r", "0"}}; });
  SetReplicas(1);
  EXPECT_EQ(Now().inputs[0].why, "the readings of its engines make no finite number");
}

TEST_F(EngineDecisionTest, AScaledJobTakesTheDemandAndNoLevel) {
  SetJob();
  AskDemand();
  AddPods({{}, {}});
  for (const size_t i : {0, 1}) SetEngine(i, *spec_.engine, 20);
  EXPECT_EQ(*Now().value, 40);
  AskLevel();
  EXPECT_THAT(std::string(Now().value.status().message()),
              HasSubstr("metricType vllm_ttft_p95_ms is a level"));
}

TEST_F(EngineDecisionTest, TheCacheOfAnEngineStandsInForHeldMemory) {
  AskVllmInference();
  SetPods({{90}, {90}});
  EXPECT_EQ(*Now().value, 160) << "90 % that were reserved at the start say nothing";
  SetEngine(0, *spec_.engine_instead, 95);
  SetEngine(0, *spec_.engine_load, 40);
  Decision decision = Now();
  EXPECT_EQ(decision.preallocated, 1);
  EXPECT_EQ(decision.inputs[0].source, "engine");
  EXPECT_EQ(decision.inputs[0].value, 95);
  EXPECT_EQ(decision.inputs[1].source, "gpus");
  EXPECT_EQ(*decision.value, 175);
  SetEngine(1, *spec_.engine_instead, 99);
  SetEngine(1, *spec_.engine_load, 80);
  decision = Now();
  EXPECT_EQ(decision.preallocated, 0);
  EXPECT_TRUE(decision.warnings.empty());
  EXPECT_EQ(*decision.value, 194);
}

TEST_F(EngineDecisionTest, APageThatCannotBeReadLeavesTheMemory) {
  AskVllmInference();
  for (const EngineGap gap :
       {EngineGap::kNoValueYet, EngineGap::kAbsent, EngineGap::kUnknown, EngineGap::kFault}) {
    SetPods({{90}});
    SetEngine(0, *spec_.engine_instead, gap);
    const Decision decision = Now();
    EXPECT_EQ(decision.inputs[0].source, "gpus");
    EXPECT_EQ(decision.preallocated, 1);
    EXPECT_EQ(*decision.value, 80);
  }
  SetPods({{90}});
  SetEngine(0, *spec_.engine_instead, 10);
  now_ += kMaxAge;
  EXPECT_EQ(Now().inputs[0].source, "engine");
  now_ += 1ms;
  EXPECT_THAT(Now().inputs[0].why, Not(HasSubstr("engine"))) << "both are stale";
}

TEST_F(EngineDecisionTest, VllmInferenceIsActiveWhileAnyRequestWaitsOrRuns) {
  AskVllmInference();
  SetPods({{90}});
  SetEngine(0, *spec_.engine_instead, 1);
  SetEngine(0, *spec_.engine_load, 1);
  Watch(61s);
  Decision decision = Now();
  EXPECT_TRUE(*decision.active);
  EXPECT_EQ(decision.active_why, "pod default/web-0 has requests that wait or run: 1");
  SetEngine(0, *spec_.engine_load, 0);
  Watch(61s);
  EXPECT_FALSE(*Now().active);
  SetEngine(0, *spec_.engine_load, EngineGap::kUnknown);
  EXPECT_TRUE(*Now().active);
  SetEngine(0, *spec_.engine_instead, EngineGap::kSleeping);
  Watch(61s);
  decision = Now();
  EXPECT_EQ(decision.asleep, 1);
  EXPECT_FALSE(*decision.active);
}

TEST_F(EngineDecisionTest, WithoutKubernetesThereIsNoWorkloadToAsk) {
  AskDemand();
  const auto scope = EffectiveScope(spec_, false);
  EXPECT_TRUE(absl::IsInvalidArgument(scope.status()));
  EXPECT_THAT(std::string(scope.status().message()), HasSubstr("metricType vllm_demand"));
  EXPECT_EQ(*EffectiveScope(spec_, true), trigger::Scope::kWorkload);
  AskVllmInference();
  EXPECT_EQ(*EffectiveScope(spec_, false), trigger::Scope::kNode) << "the memory of the GPUs";
}

}  // namespace
}  // namespace kgs::decision
