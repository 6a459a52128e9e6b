// SPDX-License-Identifier: Apache-2.0
#include "decision/workload_decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/workloads.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using model::HpaMetricType;
using model::MetricId;
using ::testing::AllOf;
using testing::ChangePod;
using ::testing::HasSubstr;
using testing::MakePod;
using testing::MakeWorkload;

constexpr base::SteadyTime kNow{1h};
constexpr auto kAverage = HpaMetricType::kAverageValue;
constexpr auto kValue = HpaMetricType::kValue;

class WorkloadDecisionTest : public ::testing::Test {
 protected:
  void SetPods(const std::vector<std::vector<double>>& pods) {
    view_ = MakeWorkload(static_cast<int>(pods.size()));
    for (size_t i = 0; i < pods.size(); ++i) {
      view_.pods.push_back(MakePod("web-" + std::to_string(i), pods[i], kNow, spec_.metric));
    }
  }
  double Value(HpaMetricType type) const {
    const auto value = WorkloadValue(spec_, type, view_, kNow);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.value_or(-1);
  }
  /// Of the value, and the same of the activity.
  std::string WhyUnavailable() const {
    const auto value = WorkloadValue(spec_, kAverage, view_, kNow);
    const auto active = WorkloadActivity(spec_, kAverage, view_, kNow);
    EXPECT_TRUE(absl::IsUnavailable(value.status())) << value.status();
    EXPECT_EQ(active.status(), value.status());
    EXPECT_LT(value.status().message().size(), 512u);
    return std::string(value.status().message());
  }
  bool Active() const { return *WorkloadActivity(spec_, kAverage, view_, kNow); }

  trigger::TriggerSpec spec_;
  model::WorkloadView view_ = MakeWorkload(0);
};

TEST_F(WorkloadDecisionTest, ThreePodsAt92AreTheirSumOrTheirMean) {
  SetPods({{92}, {92}, {92}});
  EXPECT_EQ(Value(kAverage), 276);
  EXPECT_EQ(Value(kValue), 92);
  SetPods({{100}, {80}, {60}});
  EXPECT_EQ(Value(kAverage), 240);
  EXPECT_EQ(Value(kValue), 80);
}

TEST_F(WorkloadDecisionTest, APodsGpusAreAggregatedFirst) {
  SetPods({{10, 90}, {30, 50}});
  EXPECT_EQ(Value(kAverage), 140);
  spec_.aggregation = catalogue::Aggregation::kAvg;
  EXPECT_EQ(Value(kAverage), 90);
  spec_.gpu_index = 0;
  EXPECT_EQ(Value(kAverage), 40);
  spec_.gpu_index = 2;
  EXPECT_THAT(WhyUnavailable(), AllOf(HasSubstr("default/web-0"), HasSubstr("it has 2 GPUs")));
}

TEST_F(WorkloadDecisionTest, ADemandOfASharedGpuIsDividedAndALevelIsNot) {
  SetPods({{300}});
  view_.pods[0].gpus[0].shares = 1;
  view_.pods[0].gpus[0].all_shares = 3;
  EXPECT_EQ(Value(kAverage), 300);
  spec_.metric = MetricId::kPowerDraw;
  SetPods({{300}});
  view_.pods[0].gpus[0].shares = 1;
  view_.pods[0].gpus[0].all_shares = 3;
  EXPECT_EQ(Value(kAverage), 100);
}

TEST_F(WorkloadDecisionTest, NoReplicasAreZeroAndIdle) {
  view_ = MakeWorkload(0);
  EXPECT_EQ(Value(kAverage), 0);
  EXPECT_FALSE(Active());
}

TEST_F(WorkloadDecisionTest, APodWithoutFreshReadingIsAnErrorThatNamesIt) {
  SetPods({{92}, {92}, {92}});
  view_.pods[1] = MakePod("web-1", {92}, kNow - 4s);
  EXPECT_THAT(WhyUnavailable(), AllOf(HasSubstr("ScaledObject default/web"),
                                      HasSubstr("pod default/web-1"), HasSubstr("stale")));
}

TEST_F(WorkloadDecisionTest, APodWithoutKnownDevicesIsAnErrorThatSaysWhy) {
  SetPods({{92}, {92}});
  view_.pods[0].gpus.clear();
  view_.pods[0].unattributed = model::Unattributed::kNoAgent;
  view_.pods[0].why = "no agent reports from node node-a";
  EXPECT_THAT(WhyUnavailable(), AllOf(HasSubstr("web-0"), HasSubstr("no agent reports")));
}

TEST_F(WorkloadDecisionTest, APodThatIsGoneOrNotThereYetDoesNotLookLikeFallingLoad) {
  SetPods({{92}, {92}});
  view_ = [this] {
    auto view = MakeWorkload(3);
    view.pods = view_.pods;
    return view;
  }();
  EXPECT_THAT(WhyUnavailable(), HasSubstr("2 of 3 replicas are there"));
  view_.pods.push_back(
      ChangePod(MakePod("web-2", {5}, kNow), [](model::Pod& pod) { pod.terminating = true; }));
  EXPECT_THAT(WhyUnavailable(), HasSubstr("2 of 3 replicas are there"));
}

TEST_F(WorkloadDecisionTest, ALostGpuIsAnError) {
  SetPods({{92, 92}});
  auto node = std::make_shared<model::NodeSnapshot>(*view_.pods[0].gpus[0].node);
  node->gpus[1].state = model::DeviceState::kLost;
  view_.pods[0].gpus[1].node = node;
  EXPECT_THAT(WhyUnavailable(), HasSubstr("is lost"));
}

TEST_F(WorkloadDecisionTest, WhatKubernetesDoesNotKnowIsAnError) {
  SetPods({{92}});
  view_.problem = "apps/v1 Deployment web: not found";
  EXPECT_THAT(WhyUnavailable(), HasSubstr("Deployment web: not found"));
}

TEST_F(WorkloadDecisionTest, AGroupWithAPodMissingIsAnError) {
  SetPods({{92}});
  view_.pods[0] = ChangePod(view_.pods[0], [](model::Pod& pod) {
    pod.labels = {{"leaderworkerset.sigs.k8s.io/group-index", "0"},
                  {"leaderworkerset.sigs.k8s.io/name", "llama"}};
    pod.group_size = 2;
  });
  EXPECT_THAT(WhyUnavailable(),
              AllOf(HasSubstr("group 0 of default/llama"), HasSubstr("1 of its 2 pods")));
}

TEST_F(WorkloadDecisionTest, APodOfAGroupWithoutReadingIsNamed) {
  spec_.replica_label = "r";
  SetPods({{10}, {20}});
  for (model::PodView& pod : view_.pods) {
    pod = ChangePod(pod, [](model::Pod& changed) { changed.labels = {{"r", "1"}}; });
  }
  auto one = MakeWorkload(1);
  one.pods = view_.pods;
  view_ = one;
  EXPECT_EQ(Value(kAverage), 20) << "max over the GPUs of the one replica";
  view_.pods[1].gpus.clear();
  EXPECT_EQ(Value(kAverage), 10) << "a leader without a GPU is no trouble while attributed";
  view_.pods[1].unattributed = model::Unattributed::kNoDevice;
  view_.pods[1].why = "the kubelet of node node-a lists no device for it";
  EXPECT_THAT(WhyUnavailable(), AllOf(HasSubstr("replica 1"), HasSubstr("default/web-1")));
}

TEST_F(WorkloadDecisionTest, ModifiersSayWhatTheHpaDoes) {
  SetPods({{92}, {92}});
  auto object = testing::MakeObject();
  object->modifiers = model::ScalingModifiers{"a + b", "80", kValue};
  view_.object = object;
  EXPECT_EQ(Value(kAverage), 92);
}

TEST_F(WorkloadDecisionTest, AScaledJobIsAnsweredForDemandsOnly) {
  SetPods({{50}, {70}});
  view_.object = testing::MakeObject(model::ObjectKind::kScaledJob);
  view_.target = nullptr;
  const auto refused = WorkloadValue(spec_, HpaMetricType::kNone, view_, kNow);
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
  spec_.metric = MetricId::kPowerDraw;
  SetPods({{50}, {70}});
  view_.object = testing::MakeObject(model::ObjectKind::kScaledJob);
  view_.target = nullptr;
  EXPECT_EQ(*WorkloadValue(spec_, HpaMetricType::kNone, view_, kNow), 120);
}

TEST_F(WorkloadDecisionTest, ActiveIsAnyReplicaAboveTheThreshold) {
  spec_.activation_threshold = 10;
  SetPods({{10}, {10}});
  EXPECT_FALSE(Active()) << "not their sum";
  SetPods({{10}, {10.5}});
  EXPECT_TRUE(Active());
}

TEST_F(WorkloadDecisionTest, AnAlwaysActiveSpecIsActiveBlind) {
  spec_.always_active = true;
  view_.problem = "blind";
  EXPECT_TRUE(Active());
}

}  // namespace
}  // namespace kgs::decision
