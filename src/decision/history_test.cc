// SPDX-License-Identifier: Apache-2.0
#include "decision/history.h"

#include <gtest/gtest.h>

#include "decision/decision_test_fixture.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;

class HistoryTest : public DecisionFixture {
 protected:
  const PodHistory& Pod(const std::string& uid) const { return history_.pods.at(uid); }
};

TEST_F(HistoryTest, HoldsThePodsThatCountAndNoOthers) {
  SetPods({{1}, {2}, {3}, {4}});
  Watch(1s);
  EXPECT_EQ(history_.pods.size(), 4u);
  ChangePod(1, [](model::Pod& pod) { pod.terminating = true; });
  ChangePod(2, [](model::Pod& pod) { pod.phase = model::PodPhase::kSucceeded; });
  view_.pods.pop_back();
  Watch(1s);
  ASSERT_EQ(history_.pods.size(), 1u);
  EXPECT_EQ(history_.pods.begin()->first, "web-0-uid");
}

TEST_F(HistoryTest, AThousandChangesOfPodsLeaveNothingBehind) {
  for (int i = 0; i < 1000; ++i) {
    SetPods({{1}});
    ChangePod(0, [&](model::Pod& pod) { pod.uid = "uid-" + std::to_string(i); });
    Watch(1s);
    ASSERT_EQ(history_.pods.size(), 1u);
  }
}

TEST_F(HistoryTest, ANewPodOfAnOldNameInheritsNothing) {
  SetPods({{90}});
  Watch(5s);
  EXPECT_TRUE(Pod("web-0-uid").once_ready);
  ChangePod(0, [](model::Pod& pod) {
    pod.uid = "another";
    pod.ready = false;
  });
  Watch(1s);
  EXPECT_FALSE(Pod("another").once_ready);
  EXPECT_EQ(Now().loading, 1);
}

TEST_F(HistoryTest, ATimeOfTroubleForgetsNothing) {
  SetPods({{90}, {90}});
  Watch(5s);
  const auto pods = view_.pods;
  view_.pods.clear();
  view_.problem = "the API server is out of reach";
  Watch(100s);
  view_.problem.clear();
  view_.pods = pods;
  EXPECT_EQ(history_.pods.size(), 2u);
}

TEST_F(HistoryTest, AnotherSpecStartsAnewButKeepsWhoWasReady) {
  SetPods({{0}});
  Watch(100s);
  EXPECT_FALSE(*Now().active);
  NotReady(0);
  spec_.activation_threshold = 1;
  Watch(1s);
  EXPECT_EQ(Now().measured, 1);
  EXPECT_TRUE(*Now().active) << "idle by another measure";
  EXPECT_LE(now_ - *history_.watching_since, 1s);
}

TEST_F(HistoryTest, AnotherObjectOfTheNameStartsAnew) {
  SetPods({{0}});
  Watch(100s);
  NotReady(0);
  auto object = testing::MakeObject();
  object->uid = "another";
  view_.object = object;
  Watch(1s);
  EXPECT_EQ(Now().loading, 1);
}

TEST_F(HistoryTest, ThePodsAgeIsFromWhenThisProcessSawItStarted) {
  SetPods({{0}});
  ChangePod(0, [&](model::Pod& pod) {
    pod.ready = false;
    pod.seen_started = now_ - 1801s;
  });
  EXPECT_EQ(Now().overdue, 1);
}

TEST_F(HistoryTest, DecidingChangesNothing) {
  SetPods({{0}, {50}});
  Watch(10s);
  const auto before = history_.last_observed;
  Pass(5s);
  const Decision first = Now();
  const Decision second = Now();
  EXPECT_EQ(history_.last_observed, before);
  EXPECT_EQ(*first.value, *second.value);
  EXPECT_EQ(first.active_why, second.active_why);
  History other = history_;
  const Decision both = ObserveAndDecide({spec_, type_, view_, now_}, other);
  EXPECT_EQ(*both.value, *first.value);
  EXPECT_EQ(other.last_observed, now_);
}

TEST_F(HistoryTest, WhatTheQuestionShowsCountsAsObserved) {
  SetPods({{0}});
  EXPECT_EQ(*Now().value, 0) << "Ready at first sight";
  EXPECT_TRUE(*Now().active) << "and watched for no time";
}

}  // namespace
}  // namespace kgs::decision
