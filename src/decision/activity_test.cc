// SPDX-License-Identifier: Apache-2.0
#include "decision/activity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decision/decision_test_fixture.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using model::MetricId;
using ::testing::HasSubstr;

/// Polled every 30 s, so the window is 60 s.
class ActivityTest : public DecisionFixture {
 protected:
  ActivityTest() { spec_.activation_threshold = 10; }

  bool Active() const {
    const Decision decision = Now();
    EXPECT_TRUE(decision.active.ok()) << decision.active.status();
    return decision.active.value_or(false);
  }
  std::string Why() const { return Now().active_why; }
  void SetPolling(std::chrono::seconds interval) {
    auto object = testing::MakeObject();
    object->polling_interval = interval;
    view_.object = std::move(object);
  }
};

TEST_F(ActivityTest, SinglePodsAreComparedAndNotTheirSum) {
  SetPods({{10}, {10}});
  Watch(60s);
  EXPECT_FALSE(Active());
  EXPECT_EQ(Why(), "every pod was idle for 1m");
  SetValue(1, 10.5);
  EXPECT_TRUE(Active());
  EXPECT_EQ(Why(), "pod default/web-1 at 10.5 is above 10");
}

TEST_F(ActivityTest, APodThatWasAboveKeepsItUpForTheWindow) {
  SetPods({{50}, {0}});
  Watch(100s);
  SetValue(0, 0);
  Observe(history_, spec_, view_, now_);
  EXPECT_TRUE(Active());
  Watch(59s);
  EXPECT_TRUE(Active());
  EXPECT_EQ(Why(), "pod default/web-0 is known to be idle for less than 1m");
  Watch(1s);
  EXPECT_FALSE(Active());
}

TEST_F(ActivityTest, TheWindowIsTwicePollingAndAtLeast30Seconds) {
  for (const auto& [polling, window] : {std::pair(5s, 30s), {15s, 30s}, {100s, 200s}}) {
    SetPolling(polling);
    EXPECT_EQ(ActivityWindow(*view_.object), window);
    history_ = {};
    SetPods({{0}});
    Watch(window - 1s);
    EXPECT_TRUE(Active()) << "watched for less than a window";
    Watch(1s);
    EXPECT_FALSE(Active());
  }
}

TEST_F(ActivityTest, ALoadingPodKeepsItUpUntilItIsOverdue) {
  SetPods({{0}, {0}});
  NotReady(1);
  Watch(1800s);
  EXPECT_TRUE(Active());
  EXPECT_EQ(Why(), "pod default/web-1 is loading");
  Watch(61s);
  EXPECT_FALSE(Active()) << "it is overdue, and seen to be idle";
}

TEST_F(ActivityTest, PodsThatAreNotThereYetKeepItUpUntilTheyAreOverdue) {
  SetPods({{0}});
  SetReplicas(2);
  Watch(1800s);
  EXPECT_TRUE(Active());
  EXPECT_EQ(Why(), "replicas that are wanted are not there yet");
  Watch(1s);
  EXPECT_FALSE(Active());
}

TEST_F(ActivityTest, AnOverduePodIsIdleWhereNoNodeHasTakenIt) {
  SetPods({{0}, {0}, {0}});
  NotReady(2);
  Lose(2);
  Watch(1900s);
  EXPECT_TRUE(Active()) << "it runs somewhere, unseen";
  EXPECT_EQ(Why(), "pod default/web-2 is not known to be idle");
  ChangePod(2, [](model::Pod& pod) { pod.node.clear(); });
  Watch(60s);
  EXPECT_FALSE(Active());
}

TEST_F(ActivityTest, ALostPodKeepsItUp) {
  SetPods({{0}, {0}, {0}});
  Watch(100s);
  EXPECT_FALSE(Active());
  Lose(1);
  Watch(100s);
  EXPECT_TRUE(Active());
  EXPECT_EQ(Why(), "pod default/web-1 has lost its data");
  SetPods({{0}, {0}, {0}});
  Watch(59s);
  EXPECT_TRUE(Active()) << "what it did while it was lost is not known";
  Watch(1s);
  EXPECT_FALSE(Active());
}

TEST_F(ActivityTest, APodThatIsNotReadyAnyMoreMayBeStartingAgain) {
  spec_.startup = 300s;
  SetPods({{0}});
  Watch(70s);
  EXPECT_FALSE(*Now().active);
  NotReady(0);
  Watch(299s);
  EXPECT_TRUE(*Now().active);
  EXPECT_EQ(Now().active_why, "pod default/web-0 is not Ready, and may be starting again");
  Watch(70s);
  EXPECT_FALSE(*Now().active) << "no start takes that long";
}

TEST_F(ActivityTest, AGapInWatchingIsNotTakenForIdleness) {
  SetPods({{0}});
  Watch(100s);
  Pass(10s);
  EXPECT_FALSE(Active());
  Pass(1s);
  EXPECT_TRUE(Active());
  Observe(history_, spec_, view_, now_);
  Watch(60s);
  EXPECT_FALSE(Active());
}

TEST_F(ActivityTest, AnErrorOfTheNumberIsOneOfTheActivity) {
  SetPods({{0}});
  Watch(100s);
  Lose(0);
  Watch(100s);
  EXPECT_TRUE(absl::IsUnavailable(Now().active.status()));
  EXPECT_EQ(Now().active.status(), Now().value.status());
  spec_.always_active = true;
  EXPECT_TRUE(Active());
  view_.problem = "blind";
  EXPECT_TRUE(Active());
  EXPECT_EQ(Why(), "the profile is always active");
}

TEST_F(ActivityTest, AnAlwaysActiveProfileIsActiveIdleAndWithoutReplicas) {
  spec_.always_active = true;
  SetPods({{0}});
  Watch(100s);
  EXPECT_TRUE(Active());
  SetReplicas(0);
  EXPECT_TRUE(Active());
}

class MemoryTest : public ActivityTest {
 protected:
  MemoryTest() { Ask(MetricId::kMemoryUsedPercent, 80); }

  void SetMemory(double percent, double utilization) {
    SetReading(0, MetricId::kMemoryUsedPercent, percent);
    SetReading(0, MetricId::kGpuUtilization, utilization);
  }
};

TEST_F(MemoryTest, PreallocatedMemoryHoldsAndNeverGrows) {
  SetPods({{90}, {90}, {90}});
  for (int i = 0; i < 10; ++i) {
    const Decision decision = Now();
    EXPECT_EQ(*decision.value, 240) << "the target three times, not 270";
    EXPECT_EQ(decision.preallocated, 3);
    ASSERT_EQ(decision.warnings.size(), 1u);
    EXPECT_THAT(decision.warnings[0], HasSubstr("preallocated memory"));
    EXPECT_THAT(decision.warnings[0], HasSubstr("profile triton-inference"));
    Watch(30s);
  }
}

TEST_F(MemoryTest, MemoryThatMovesIsRead) {
  SetPods({{90}});
  Watch(61s);
  SetMemory(92, 0);
  Watch(1s);
  EXPECT_EQ(*Now().value, 80) << "two points are no movement";
  SetMemory(92.1, 0);
  EXPECT_EQ(*Now().value, 92.1);
  Watch(1000s);
  EXPECT_EQ(*Now().value, 92.1) << "it has moved once";
  EXPECT_EQ(Now().preallocated, 0);
}

TEST_F(MemoryTest, WhatFillsWhileThePodSettlesIsNoLoad) {
  SetPods({{20}});
  for (int i = 0; i < 59; ++i) {
    Watch(1s);
    SetMemory(20 + i, 0);
  }
  Watch(100s);
  EXPECT_EQ(Now().preallocated, 1);
}

TEST_F(MemoryTest, ANewLifeOfThePodSettlesAgain) {
  SetPods({{90}});
  Watch(61s);
  SetMemory(70, 0);
  Watch(10s);
  EXPECT_EQ(Now().preallocated, 0);
  NotReady(0);
  Watch(1s);
  EXPECT_EQ(Now().preallocated, 0);
  ChangePod(0, [](model::Pod& pod) {
    pod.ready = true;
    pod.ready_changed_unix_seconds = 5000;
  });
  Watch(1s);
  EXPECT_EQ(Now().preallocated, 1);
}

TEST_F(MemoryTest, MibAreJudgedByTheirPercentage) {
  Ask(MetricId::kMemoryUsedMib, 40000);
  SetPods({{72000}});
  SetReading(0, MetricId::kMemoryUsedPercent, 90);
  Watch(70s);
  EXPECT_EQ(*Now().value, 40000);
  SetReading(0, MetricId::kMemoryUsedPercent, 87);
  EXPECT_EQ(*Now().value, 72000);
}

TEST_F(MemoryTest, APreallocatedPodIsActiveWhileItsGpuIsBusy) {
  SetPods({{90}});
  SetMemory(90, 1);
  Watch(100s);
  EXPECT_FALSE(Active()) << "90 is above the threshold and means nothing";
  SetMemory(90, 1.5);
  EXPECT_TRUE(Active());
  EXPECT_EQ(Why(), "pod default/web-0 is busy: its gpu_utilization is 1.5");
  Watch(1s);
  SetMemory(90, 0);
  Watch(59s);
  EXPECT_TRUE(Active());
  Watch(1s);
  EXPECT_FALSE(Active());
}

TEST_F(MemoryTest, APreallocatedPodWhoseBusynessIsNotKnownIsActive) {
  SetPods({{90}});
  Watch(100s);
  EXPECT_TRUE(Active());
}

TEST_F(MemoryTest, InAFormulaTheReadingStaysWhatItIs) {
  SetPods({{90}});
  SetModifiers(model::HpaMetricType::kAverageValue);
  EXPECT_EQ(*Now().value, 90);
  EXPECT_THAT(Now().warnings[0], HasSubstr("which a formula cannot tell from load"));
}

}  // namespace
}  // namespace kgs::decision
