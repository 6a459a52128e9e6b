// SPDX-License-Identifier: Apache-2.0
#include "decision/wake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decision/decision_test_fixture.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using engine::WakeState;
using ::testing::HasSubstr;
using ::testing::Not;

class WakeTest : public DecisionFixture {
 protected:
  WakeTest() {
    AskBy({{"wakeEndpoint", "http://epp.llm:9090"}, {"wakeSource", "epp"}});
    SetReplicas(0);
  }
  void Say(WakeState state, const std::string& detail = "") {
    sight_ = WakeSight{{state, state == WakeState::kDemand ? 1.0 : 0.0, detail}, now_};
    sight_->max_age = 3s;
    if (state == WakeState::kDemand) last_demand_ = now_;
    sight_->last_demand = last_demand_;
  }
  Decision Awake(bool active = false) const {
    Decision decision;
    decision.value = 7;
    decision.active = active;
    decision.active_why = "as before";
    return decision;
  }
  Decision With(Decision decision) const {
    AddWake(spec_, view_, sight_, now_, decision);
    return decision;
  }

  std::optional<WakeSight> sight_;
  std::optional<base::SteadyTime> last_demand_;
};

TEST_F(WakeTest, DemandWakesAndNoneDoesNot) {
  Say(WakeState::kDemand);
  EXPECT_TRUE(*With(Awake()).active);
  EXPECT_EQ(With(Awake()).active_why, "its wakeEndpoint http://epp.llm:9090/metrics has demand");
  EXPECT_EQ(*With(Awake()).value, 7) << "the number is none of its business";
  last_demand_.reset();
  Say(WakeState::kNone);
  EXPECT_FALSE(*With(Awake()).active);
  EXPECT_EQ(With(Awake()).active_why,
            "it has no replicas, and its wakeEndpoint http://epp.llm:9090/metrics has no demand");
}

TEST_F(WakeTest, ABurstIsLatchedForTwicePollingIntervalAndAtLeast30S) {
  const auto active_after = [&](base::Duration passed) {
    now_ += passed;
    Say(WakeState::kNone);
    return *With(Awake()).active;
  };
  Say(WakeState::kDemand);
  EXPECT_TRUE(active_after(60s)) << "the object is polled every 30 s";
  EXPECT_FALSE(active_after(1ms));
  spec_.wake->hold = 5s;
  Say(WakeState::kDemand);
  EXPECT_TRUE(active_after(5s));
  EXPECT_FALSE(active_after(1ms));
}

TEST_F(WakeTest, WhatCannotBeReadIsAnErrorOfTheActivityAlone) {
  for (const WakeState state : {WakeState::kUnreadable, WakeState::kNoValueYet}) {
    Say(state, "http://epp.llm:9090/metrics at 10.0.0.1: connection refused");
    const Decision decision = With(Awake());
    EXPECT_EQ(*decision.value, 7) << "an error would keep KEDA from asking for the activity";
    EXPECT_EQ(decision.active.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(decision.active.status().message(),
              "ScaledObject default/web: whether it is wanted is not known from its wakeEndpoint "
              "http://epp.llm:9090/metrics: http://epp.llm:9090/metrics at 10.0.0.1: connection "
              "refused");
    EXPECT_EQ(decision.active_why, "");
  }
  sight_.reset();
  EXPECT_THAT(std::string(With(Awake()).active.status().message()),
              HasSubstr("not been asked yet"));
}

TEST_F(WakeTest, AStaleReadingIsNoneButADemandIsRemembered) {
  Say(WakeState::kNone);
  now_ += 3s;
  EXPECT_FALSE(*With(Awake()).active);
  now_ += 1ms;
  EXPECT_THAT(std::string(With(Awake()).active.status().message()), HasSubstr("stale"));
  Say(WakeState::kDemand);
  now_ += 10s;
  EXPECT_TRUE(*With(Awake()).active);
}

TEST_F(WakeTest, AbsentIsWhatTheSourceOrTheUserSays) {
  Say(WakeState::kAbsent, "words");
  EXPECT_FALSE(*With(Awake()).active) << "of EPP's flow control absent is none";
  AskBy(
      {{"wakeEndpoint", "http://epp.llm:9090"}, {"wakeSource", "epp"}, {"wakeAbsent", "unknown"}});
  EXPECT_EQ(With(Awake()).active.status().code(), absl::StatusCode::kUnavailable);
  trigger::Metadata series = {{"wakeEndpoint", "http://router:8080"},
                              {"wakeSource", "prometheus"},
                              {"wakeSeriesName", "queue"}};
  AskBy(series);
  EXPECT_EQ(With(Awake()).active.status().code(), absl::StatusCode::kUnavailable);
  series["wakeAbsent"] = "inactive";
  AskBy(series);
  EXPECT_FALSE(*With(Awake()).active);
}

TEST_F(WakeTest, WithReplicasItKeepsThemAndNeverEndsThem) {
  SetReplicas(1);
  Say(WakeState::kNone);
  EXPECT_TRUE(*With(Awake(true)).active);
  EXPECT_FALSE(*With(Awake(false)).active);
  EXPECT_EQ(With(Awake(false)).active_why, "as before");
  Say(WakeState::kUnreadable);
  EXPECT_FALSE(*With(Awake(false)).active) << "the pods say that it is idle";
  Say(WakeState::kDemand);
  EXPECT_TRUE(*With(Awake(false)).active);
  EXPECT_EQ(With(Awake(true)).active_why, "as before");
}

TEST_F(WakeTest, AJobIsAtZeroWhileThereIsNoPod) {
  SetJob();
  Say(WakeState::kUnreadable);
  EXPECT_EQ(With(Awake()).active.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(*With(Awake(true)).active) << "its own metric says that there is work";
  AddPods({{}});
  EXPECT_FALSE(*With(Awake()).active);
  auto ended = std::make_shared<model::Pod>(*view_.pods[0].pod);
  ended->phase = model::PodPhase::kSucceeded;
  view_.pods[0].pod = ended;
  EXPECT_EQ(With(Awake()).active.status().code(), absl::StatusCode::kUnavailable)
      << "a job that has ended is none";
}

TEST_F(WakeTest, AnErrorStaysOne) {
  Say(WakeState::kDemand);
  Decision decision;
  decision.value = absl::UnavailableError("words");
  decision.active = absl::UnavailableError("words");
  EXPECT_EQ(With(decision).active, decision.active);
}

TEST_F(WakeTest, WithoutASourceNothingChanges) {
  AskBy({});
  EXPECT_FALSE(*With(Awake()).active);
  EXPECT_EQ(With(Awake()).active_why, "as before");
}

TEST_F(WakeTest, WhatCameFromTheEnvironmentIsNotShown) {
  AskBy({{"wakeEndpointFromEnv", "http://secret:9090"}, {"wakeSource", "epp"}});
  for (const WakeState state : {WakeState::kDemand, WakeState::kNone, WakeState::kUnreadable}) {
    last_demand_.reset();
    Say(state, "http://secret:9090/metrics: refused");
    const Decision decision = With(Awake());
    EXPECT_THAT(decision.active_why, Not(HasSubstr("secret")));
    EXPECT_THAT(std::string(decision.active.status().message()), Not(HasSubstr("secret")));
  }
}

}  // namespace
}  // namespace kgs::decision
