// SPDX-License-Identifier: Apache-2.0
#include "decision/source_decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "decision/decision_test_fixture.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using model::EngineGap;
using model::EngineReading;
using model::HpaMetricType;
using ::testing::HasSubstr;
using ::testing::Not;

class SourceDecisionTest : public DecisionFixture {
 protected:
  SourceDecisionTest() { AskDemand(); }

  void AskDemand() { AskBy({{"metricType", "vllm_demand"}, {"targetValue", "16"}}); }
  void AskLevel() { AskBy({{"metricType", "vllm_kv_cache_usage"}, {"targetValue", "80"}}); }
  /// Of so many replicas so many pods are there, all Ready.
  void SetReplicasAndPods(int replicas, int pods) {
    SetPods(std::vector<std::vector<double>>(static_cast<size_t>(pods)));
    SetReplicas(replicas);
  }
  void Say(double value) { source_ = SourceReading{EngineReading::Value(value, now_), kMaxAge}; }
  void Say(EngineGap gap, const std::string& detail = "http://gw:80/metrics: words") {
    source_ = SourceReading{EngineReading::Missing(gap, detail, now_), kMaxAge};
  }
  void SayLoad(double requests) {
    load_ = SourceReading{EngineReading::Value(requests, now_), kMaxAge};
  }
  SourceQuestion Question() const { return {spec_, type_, view_, source_, load_, now_}; }
  Decision Source() const { return DecideSource(Question(), source_history_); }
  /// Time goes by, observed each second; the source says the same again.
  void WatchSource(base::Duration duration) {
    ObserveSource(source_history_, Question());
    for (const auto end = now_ + duration; now_ < end;) {
      now_ += 1s;
      Renew();
      ObserveSource(source_history_, Question());
    }
  }
  void Renew() {
    for (std::optional<SourceReading>* source : {&source_, &load_}) {
      if (!*source) continue;
      const EngineReading& last = (*source)->reading;
      (*source)->reading = last.has_value()
                               ? EngineReading::Value(last.value(), now_)
                               : EngineReading::Missing(last.gap(), last.detail(), now_);
    }
  }

  std::optional<SourceReading> source_;
  std::optional<SourceReading> load_;
  SourceHistory source_history_;
};

TEST_F(SourceDecisionTest, ADemandIsTheSourcesOwn) {
  SetReplicasAndPods(3, 3);
  Say(100);
  now_ += 250ms;
  Decision decision = Source();
  EXPECT_EQ(decision.branch, Branch::kDemand);
  EXPECT_EQ(*decision.value, 100);
  EXPECT_EQ(decision.formula, "U = 100 = 100");
  EXPECT_TRUE(*decision.active);
  EXPECT_EQ(decision.active_why, "its endpoint at 100 is above 0");
  EXPECT_EQ(decision.replicas, 3);
  EXPECT_EQ(decision.ready, 3);
  EXPECT_EQ(decision.measured, 1);
  EXPECT_EQ(decision.coverage, 1);
  EXPECT_EQ(decision.oldest_reading_age, 250ms);
  ASSERT_EQ(decision.inputs.size(), 1);
  EXPECT_EQ(decision.inputs[0].standing, "measured");
  EXPECT_EQ(decision.inputs[0].source, "endpoint");
  EXPECT_EQ(decision.inputs[0].value, 100);
  type_ = HpaMetricType::kValue;
  decision = Source();
  EXPECT_EQ(*decision.value, 33.333);
  Say(200);
  EXPECT_EQ(*Source().value, 66.666) << "cut, not rounded";
}

TEST_F(SourceDecisionTest, UnderValueADemandIsNotMultipliedByNoPods) {
  SetReplicasAndPods(3, 0);
  Say(100);
  EXPECT_EQ(*Source().value, 100) << "AverageValue needs no pod";
  type_ = HpaMetricType::kValue;
  const Decision decision = Source();
  EXPECT_EQ(decision.branch, Branch::kNoneReady);
  EXPECT_EQ(*decision.value, 16);
}

TEST_F(SourceDecisionTest, ALevelIsThatOfEachReplica) {
  AskLevel();
  SetReplicasAndPods(3, 3);
  Say(90);
  Decision decision = Source();
  EXPECT_EQ(decision.branch, Branch::kWholeTimesReplicas);
  EXPECT_EQ(*decision.value, 270);
  // More than are wanted: a rollout's surge.
  SetReplicas(2);
  EXPECT_EQ(*Source().value, 180);
  type_ = HpaMetricType::kValue;
  decision = Source();
  EXPECT_EQ(decision.branch, Branch::kWhole);
  EXPECT_EQ(*decision.value, 90);
}

TEST_F(SourceDecisionTest, ALevelDoesNotRunAwayWhileReplicasLoad) {
  AskLevel();
  SetReplicasAndPods(4, 4);
  NotReady(2);
  NotReady(3);
  Say(90);
  Decision decision = Source();
  EXPECT_EQ(decision.branch, Branch::kMissingAboveTarget);
  EXPECT_EQ(*decision.value, 320) << "max(90*2, 80*4) rather than 90*4";
  Say(20);
  decision = Source();
  EXPECT_EQ(decision.branch, Branch::kMissingUnderTarget);
  EXPECT_EQ(*decision.value, 200) << "20*2 + 80*2: what loads is not removed";
  type_ = HpaMetricType::kValue;
  EXPECT_EQ(*Source().value, 80);
}

TEST_F(SourceDecisionTest, WithoutAReadyReplicaALevelHolds) {
  AskLevel();
  SetReplicasAndPods(4, 1);
  NotReady(0);
  Say(90);
  EXPECT_EQ(Source().branch, Branch::kNoneReady);
  EXPECT_EQ(*Source().value, 320);
  type_ = HpaMetricType::kValue;
  EXPECT_EQ(*Source().value, 80);
}

TEST_F(SourceDecisionTest, NoReplicasAreZeroAndInactiveWhateverIsSaid) {
  SetReplicasAndPods(0, 0);
  for (const bool said : {false, true}) {
    if (said) Say(100);
    const Decision decision = Source();
    EXPECT_EQ(decision.branch, Branch::kNoReplicas);
    EXPECT_EQ(*decision.value, 0);
    EXPECT_FALSE(*decision.active);
  }
}

TEST_F(SourceDecisionTest, WithoutAFreshReadingTheReplicasAreHeldAndThenItIsSaid) {
  SetReplicasAndPods(3, 3);
  Say(100);
  WatchSource(60s);
  const base::SteadyTime last = now_;
  Say(EngineGap::kFault, "http://gw:80/metrics at 10.0.0.1: connection refused");
  for (const auto type : {HpaMetricType::kAverageValue, HpaMetricType::kValue}) {
    type_ = type;
    const Decision held = Source();
    EXPECT_EQ(held.branch, Branch::kBlindHeld);
    EXPECT_EQ(*held.value, type == HpaMetricType::kValue ? 16 : 48);
    EXPECT_TRUE(*held.active);
    EXPECT_EQ(held.active_why, "its endpoint is not known to be idle");
    EXPECT_EQ(held.lost, 1);
    EXPECT_EQ(held.coverage, 0);
  }
  type_ = HpaMetricType::kAverageValue;
  WatchSource(30s);
  ASSERT_EQ(now_, last + 30s);
  EXPECT_EQ(Source().branch, Branch::kBlindHeld);
  now_ += 1ms;
  Renew();
  const Decision blind = Source();
  EXPECT_EQ(blind.branch, Branch::kBlind);
  EXPECT_EQ(blind.value.status(), blind.active.status());
  EXPECT_EQ(blind.value.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(blind.value.status().message(),
            "ScaledObject default/web: no fresh vllm_demand of its endpoint: "
            "http://gw:80/metrics at 10.0.0.1: connection refused");
  EXPECT_EQ(blind.formula, "");
  EXPECT_EQ(blind.inputs[0].why, "http://gw:80/metrics at 10.0.0.1: connection refused");
  Say(5);
  EXPECT_EQ(*Source().value, 5);
}

TEST_F(SourceDecisionTest, WhatWasNeverSeenIsHeldSinceItIsWatched) {
  SetReplicasAndPods(3, 3);
  WatchSource(30s);
  EXPECT_EQ(Source().branch, Branch::kBlindHeld);
  WatchSource(1s);
  EXPECT_EQ(Source().branch, Branch::kBlind);
  EXPECT_THAT(std::string(Source().value.status().message()), HasSubstr("has not been asked yet"));
  spec_.hold = 0s;
  source_history_ = {};
  EXPECT_EQ(Source().branch, Branch::kBlind);
}

TEST_F(SourceDecisionTest, WhileEveryReplicaLoadsItsOwnServiceNeedNotAnswer) {
  SetReplicasAndPods(2, 2);
  NotReady(0);
  NotReady(1);
  spec_.startup = 300s;
  Say(EngineGap::kFault, "http://web:8000/metrics: connection refused");
  WatchSource(300s);
  for (const auto type : {HpaMetricType::kAverageValue, HpaMetricType::kValue}) {
    type_ = type;
    const Decision decision = Source();
    EXPECT_EQ(decision.branch, Branch::kAllLoading);
    EXPECT_EQ(*decision.value, type == HpaMetricType::kValue ? 16 : 32);
    EXPECT_TRUE(*decision.active);
  }
  WatchSource(1s);
  EXPECT_EQ(Source().branch, Branch::kBlind) << "they may take as long as startupSeconds";
}

TEST_F(SourceDecisionTest, OneReadyReplicaMakesASilentEndpointALoss) {
  SetReplicasAndPods(2, 2);
  NotReady(0);
  Say(EngineGap::kFault, "http://web:8000/metrics: connection refused");
  WatchSource(31s);
  EXPECT_EQ(Source().branch, Branch::kBlind);
}

TEST_F(SourceDecisionTest, ALevelIsActiveWhileRequestsWaitOrRun) {
  view_ = testing::MakeWorkload(2);
  AskLevel();
  spec_.activation_threshold = 5;
  Say(1);
  SayLoad(3);
  WatchSource(120s);
  EXPECT_TRUE(*Source().active);
  EXPECT_EQ(Source().active_why, "its endpoint has requests that wait or run: 3");
  load_ = SourceReading{EngineReading::Missing(EngineGap::kUnknown, "words", now_), kMaxAge};
  WatchSource(120s);
  EXPECT_TRUE(*Source().active) << "whether requests run is not known";
  SayLoad(0);
  WatchSource(59s);
  EXPECT_TRUE(*Source().active);
  WatchSource(1s);
  EXPECT_FALSE(*Source().active);
  Say(6);
  EXPECT_TRUE(*Source().active) << "above its own threshold";
  Say(1);
  load_->reading = EngineReading::Value(0, now_ - kMaxAge - 1ms);
  EXPECT_TRUE(*Source().active) << "stale";
}

TEST_F(SourceDecisionTest, AStaleReadingIsNoneWhateverItWas) {
  SetReplicasAndPods(3, 3);
  for (const bool asleep : {false, true}) {
    Say(100);
    if (asleep) Say(EngineGap::kSleeping);
    now_ += kMaxAge;
    EXPECT_NE(Source().branch, Branch::kBlindHeld);
    now_ += 1ms;
    EXPECT_EQ(Source().branch, Branch::kBlindHeld);
    EXPECT_EQ(Source().inputs[0].why, "the last reading of its endpoint is stale");
  }
}

TEST_F(SourceDecisionTest, EveryGapIsReadForWhatItIs) {
  SetReplicasAndPods(3, 3);
  for (const EngineGap gap : model::kEngineGaps) {
    SCOPED_TRACE(model::EngineGapName(gap));
    AskDemand();
    Say(gap);
    const bool quiet = gap == EngineGap::kNothingHappened || gap == EngineGap::kSleeping;
    EXPECT_EQ(Source().branch, quiet ? Branch::kDemand : Branch::kBlindHeld);
    EXPECT_EQ(*Source().value, quiet ? 0 : 48);
    AskLevel();
    if (gap == EngineGap::kSleeping) {
      EXPECT_EQ(Source().branch, Branch::kAllLoading);
      EXPECT_EQ(*Source().value, 240) << "what sleeps has no level";
      EXPECT_EQ(Source().asleep, 1);
    } else {
      EXPECT_EQ(*Source().value, quiet ? 0 : 240);
    }
  }
}

TEST_F(SourceDecisionTest, AFormulaGetsARealNumberOrAnError) {
  SetReplicasAndPods(3, 3);
  SetModifiers(HpaMetricType::kAverageValue);
  Say(100);
  EXPECT_EQ(*Source().value, 100);
  Say(EngineGap::kNoValueYet, "one reading is no rate");
  const Decision decision = Source();
  EXPECT_EQ(decision.branch, Branch::kFormulaIncomplete);
  EXPECT_EQ(decision.value.status().message(),
            "ScaledObject default/web: scalingModifiers need a reading of the endpoint: "
            "one reading is no rate");
  Say(EngineGap::kSleeping);
  EXPECT_EQ(*Source().value, 0) << "no demand is a number";
  AskLevel();
  EXPECT_EQ(Source().branch, Branch::kFormulaIncomplete);
}

TEST_F(SourceDecisionTest, AJobHasDemandsAlone) {
  SetJob();
  Say(100);
  EXPECT_EQ(*Source().value, 100) << "with no pod yet: that starts the first";
  EXPECT_TRUE(*Source().active);
  source_.reset();
  EXPECT_EQ(*Source().value, 0) << "held: no job more than there are";
  AddPods({{}, {}});
  EXPECT_EQ(*Source().value, 32);
  AskLevel();
  Say(90);
  EXPECT_EQ(Source().branch, Branch::kInvalid);
  EXPECT_EQ(Source().value.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SourceDecisionTest, WhatKubernetesDoesNotSayIsAnError) {
  Say(100);
  view_.problem = "apps/v1 Deployment web: not found";
  EXPECT_EQ(Source().branch, Branch::kNoWorkload);
  EXPECT_EQ(Source().value.status().message(),
            "ScaledObject default/web: apps/v1 Deployment web: not found");
  view_.problem.clear();
  view_.target = nullptr;
  EXPECT_EQ(Source().branch, Branch::kNoWorkload);
}

TEST_F(SourceDecisionTest, ItIsActiveUntilItWasIdleForAWholeWindow) {
  view_ = testing::MakeWorkload(2);
  Say(0);
  EXPECT_EQ(Source().active_why, "its endpoint is known to be idle for less than 1m");
  WatchSource(59s);
  EXPECT_TRUE(*Source().active);
  WatchSource(1s);
  EXPECT_FALSE(*Source().active);
  EXPECT_EQ(Source().active_why, "its endpoint was idle for 1m");
  Say(1);
  EXPECT_TRUE(*Source().active);
  ObserveSource(source_history_, Question());
  Say(0);
  WatchSource(59s);
  EXPECT_TRUE(*Source().active) << "it was above within the window";
  WatchSource(1s);
  EXPECT_FALSE(*Source().active);
}

TEST_F(SourceDecisionTest, WhatIsNotKnownBreaksTheIdleTime) {
  view_ = testing::MakeWorkload(2);
  Say(0);
  WatchSource(59s);
  Say(EngineGap::kUnknown);
  WatchSource(1s);
  EXPECT_TRUE(*Source().active);
  Say(0);
  WatchSource(59s);
  EXPECT_TRUE(*Source().active);
  // A gap in watching does as well.
  now_ += kLongestGap + 1s;
  Renew();
  WatchSource(59s);
  EXPECT_TRUE(*Source().active);
  WatchSource(1s);
  EXPECT_FALSE(*Source().active);
}

TEST_F(SourceDecisionTest, TheThresholdItselfIsIdle) {
  view_ = testing::MakeWorkload(2);
  spec_.activation_threshold = 5;
  Say(5);
  WatchSource(60s);
  EXPECT_FALSE(*Source().active);
  Say(5.5);
  EXPECT_TRUE(*Source().active);
}

TEST_F(SourceDecisionTest, AnotherQuestionStartsAnew) {
  view_ = testing::MakeWorkload(2);
  Say(0);
  WatchSource(60s);
  EXPECT_FALSE(*Source().active);
  spec_.activation_threshold = 1;
  EXPECT_TRUE(*Source().active);
}

TEST_F(SourceDecisionTest, WhatCameFromTheEnvironmentIsNotShown) {
  SetReplicasAndPods(3, 3);
  spec_.target_hidden = spec_.threshold_hidden = spec_.engine_hidden = true;
  spec_.activation_threshold = 7;
  Say(100);
  EXPECT_FALSE(Source().value_hidden);
  EXPECT_EQ(Source().active_why, "its endpoint at 100 is above the threshold");
  Say(EngineGap::kFault, "http://secret/");
  const Decision held = Source();
  EXPECT_TRUE(held.value_hidden);
  EXPECT_THAT(held.formula, Not(HasSubstr("16")));
  EXPECT_EQ(held.inputs[0].why, "its endpoint: fault");
  spec_.hold = 0s;
  EXPECT_THAT(std::string(Source().value.status().message()), Not(HasSubstr("secret")));
}

TEST_F(SourceDecisionTest, ANumberIsNeverNegativeNorInfinite) {
  SetReplicasAndPods(3, 3);
  Say(-4);
  EXPECT_EQ(*Source().value, 0);
  AskLevel();
  Say(std::numeric_limits<double>::max());
  EXPECT_EQ(Source().branch, Branch::kBlind);
}

}  // namespace
}  // namespace kgs::decision
