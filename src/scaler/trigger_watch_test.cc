// SPDX-License-Identifier: Apache-2.0
//
// Turned by hand, with a clock that stands still.
#include "scaler/trigger_watch.h"

#include <gtest/gtest.h>

#include "fleet/view.h"
#include "tests/support/fake_clock.h"
#include "tests/support/workloads.h"

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;
using Metadata = std::map<std::string, std::string>;

constexpr int64_t kStartedSeconds = 1'700'000'000;

class TriggerWatchTest : public ::testing::Test {
 protected:
  /// ScaledObject default/web of one trigger, its Deployment of one replica, and the pod.
  void PutWorkload(const Metadata& metadata = {}) {
    auto object = testing::MakeObject();
    object->triggers = {{0, "", false, model::HpaMetricType::kAverageValue, metadata}};
    key_ = object->key;
    kubernetes_.PutObject(object);
    auto target = std::make_shared<model::ScaleTarget>();
    target->ref = object->target;
    target->target_namespace = "default";
    target->replicas = 1;
    target->selector.requirements = {{"app", model::LabelRequirement::Operator::kIn, {"web"}}};
    kubernetes_.PutTarget(target);
    model::Pod pod;
    pod.name = {"default", "web-0"};
    pod.uid = "1";
    pod.node = "node-a";
    pod.labels = {{"app", "web"}};
    pod.phase = model::PodPhase::kRunning;
    pod.started_unix_seconds = kStartedSeconds;
    pod.ready = true;
    pod.ready_changed_unix_seconds = kStartedSeconds + 30;
    kubernetes_.PutPod(pod);
  }
  void Report(double utilization) {
    auto report = std::make_shared<model::NodeReport>();
    report->node = "node-a";
    report->max_reading_age = 3s;
    report->pods_listed = true;
    report->listed = {clock_.Now(), (kStartedSeconds + 60) * 1000};
    auto snapshot = std::make_shared<model::NodeSnapshot>();
    snapshot->gpus.resize(1);
    snapshot->gpus[0].readings[model::MetricId::kGpuUtilization] =
        model::Reading::Value(utilization, clock_.Now());
    model::HeldDevice device;
    device.gpu = 0;
    report->pods = {{{"default", "web-0"}, report->listed, {device}}};
    report->snapshot = snapshot;
    fleet_.Put("node-a", stream_, std::move(report));
  }
  /// Lets \p duration pass, with a reading and an observation each second.
  void Watch(base::Duration duration, double utilization) {
    for (base::Duration passed{}; passed < duration; passed += 1s) {
      clock_.Advance(1s);
      Report(utilization);
      triggers_.Turn();
    }
  }
  decision::Decision Decide() {
    const auto view =
        fleet::ViewWorkload(*kubernetes_.Find(key_), fleet_, kubernetes_, clock_.Now());
    return triggers_.Answer({key_, 0, model::HpaMetricType::kAverageValue}, spec_, view,
                            clock_.Now());
  }

  testing::FakeClock clock_;
  kube::Store kubernetes_{clock_, [](const kube::PodPtr&) {}};
  fleet::Store fleet_{clock_};
  const uint64_t stream_ = fleet_.Connect("node-a", "1");
  std::string problem_;
  TriggerWatch triggers_{kubernetes_,
                         [this](model::ObjectKind, const std::string&) { return problem_; }, fleet_,
                         trigger::UnknownKeys::kRefuse, clock_};
  trigger::TriggerSpec spec_ =
      trigger::ParseTrigger({}, trigger::UnknownKeys::kRefuse).value().spec;
  model::ObjectKey key_;
};

TEST_F(TriggerWatchTest, IdleIsWhatWasWatchedForAWholeWindowWithoutBeingAsked) {
  PutWorkload();
  Report(0);
  EXPECT_TRUE(*Decide().active) << "it has only begun to watch";
  Watch(61s, 0);
  const auto idle = Decide();
  EXPECT_FALSE(*idle.active);
  EXPECT_EQ(*idle.value, 0);
  Watch(1s, 50);
  Watch(30s, 0);
  EXPECT_TRUE(*Decide().active) << "it was busy within the window";
}

TEST_F(TriggerWatchTest, LostReadingsAreHeldForAWhileAndThenSaid) {
  PutWorkload();
  Watch(5s, 92);
  EXPECT_EQ(*Decide().value, 92);
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(1s);
    triggers_.Turn();
  }
  EXPECT_EQ(*Decide().value, 80) << "held: the target times one replica";
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(1s);
    triggers_.Turn();
  }
  EXPECT_TRUE(absl::IsUnavailable(Decide().value.status())) << Decide().value.status();
}

TEST_F(TriggerWatchTest, ATriggerFromTheEnvironmentIsWatchedOnceKedaHasAsked) {
  PutWorkload({{"activationThresholdFromEnv", "THRESHOLD"}});
  spec_ =
      trigger::ParseTrigger({{"activationThresholdFromEnv", "10"}}, trigger::UnknownKeys::kRefuse)
          .value()
          .spec;
  Watch(61s, 5);
  EXPECT_TRUE(*Decide().active) << "what counts as idle was not known until now";
  Watch(61s, 5);
  EXPECT_FALSE(*Decide().active);
}

TEST_F(TriggerWatchTest, EachTriggersStateIsThatOfTheLastSecondAskedOrNot) {
  PutWorkload({{"targetValue", "70"}});
  Watch(2s, 92);
  auto states = triggers_.States();
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].key, key_);
  EXPECT_EQ(states[0].target, 70);
  ASSERT_TRUE(states[0].now);
  EXPECT_EQ(*states[0].now->value, 92);
  EXPECT_TRUE(triggers_.Histories("", "")[0].answered.empty()) << "nobody has asked";

  problem_ = "ScaledObjects: out of touch";
  Watch(3s, 92);
  states = triggers_.States();
  EXPECT_EQ(states[0].now->value.status(), absl::UnavailableError(problem_));
  EXPECT_EQ(states[0].errors[static_cast<size_t>(decision::Branch::kNoWorkload)], 3u);
}

TEST_F(TriggerWatchTest, WhatComesFromTheEnvironmentHasNoStateUntilKedaAsksAndNoTarget) {
  PutWorkload({{"targetValueFromEnv", "TARGET"}});
  Watch(1s, 92);
  EXPECT_FALSE(triggers_.States()[0].now);
  spec_ = trigger::ParseTrigger({{"targetValueFromEnv", "55"}}, trigger::UnknownKeys::kRefuse)
              .value()
              .spec;
  Decide();
  Watch(1s, 92);
  EXPECT_EQ(*triggers_.States()[0].now->value, 92);
  EXPECT_FALSE(triggers_.States()[0].target);
}

TEST_F(TriggerWatchTest, WhatWasAnsweredIsKeptByTrigger) {
  PutWorkload();
  Watch(5s, 92);
  Decide();
  problem_ = "ScaledObjects: out of touch";
  Decide();
  const auto histories = triggers_.Histories("default", "web");
  ASSERT_EQ(histories.size(), 1u);
  ASSERT_EQ(histories[0].answered.size(), 2u);
  EXPECT_EQ(*histories[0].answered[0].decision.value, 92);
  EXPECT_EQ(histories[0].answered[1].decision.value.status(), absl::UnavailableError(problem_));
  EXPECT_TRUE(triggers_.Histories("other", "").empty());
  EXPECT_TRUE(triggers_.Histories("", "other").empty());
}

TEST_F(TriggerWatchTest, AnObjectThatReturnsIsWatchedAnew) {
  PutWorkload();
  Watch(61s, 0);
  EXPECT_FALSE(*Decide().active);
  kubernetes_.RemoveObject(key_);
  triggers_.Turn();
  PutWorkload();
  Report(0);
  EXPECT_TRUE(*Decide().active);
}

}  // namespace
}  // namespace kgs::scaler
