// SPDX-License-Identifier: Apache-2.0
#include "scaler/workload_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/fake_clock.h"
#include "tests/support/workloads.h"

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;
using model::ObjectKind;

constexpr int64_t kStartedSeconds = 1'700'000'000;

class WorkloadAnswersTest : public ::testing::Test {
 protected:
  /// ScaledObject default/web of one trigger, its Deployment of two replicas and both pods.
  void PutWorkload() {
    auto object = testing::MakeObject();
    object->triggers = {{0, "", false, model::HpaMetricType::kAverageValue, {}}};
    kubernetes_.PutObject(object);
    auto target = std::make_shared<model::ScaleTarget>();
    target->ref = object->target;
    target->target_namespace = "default";
    target->replicas = 2;
    target->selector.requirements = {{"app", model::LabelRequirement::Operator::kIn, {"web"}}};
    kubernetes_.PutTarget(target);
    for (const char* name : {"web-0", "web-1"}) {
      model::Pod pod;
      pod.name = {"default", name};
      pod.uid = name;
      pod.node = "node-a";
      pod.labels = {{"app", "web"}};
      pod.phase = model::PodPhase::kRunning;
      pod.started_unix_seconds = kStartedSeconds;
      pod.ready = true;
      pod.ready_changed_unix_seconds = kStartedSeconds + 30;
      kubernetes_.PutPod(pod);
    }
  }
  /// GPU i is held by web-i and shows 30 + i.
  void Report() {
    auto report = std::make_shared<model::NodeReport>();
    report->node = "node-a";
    report->max_reading_age = 3s;
    report->pods_listed = true;
    report->listed = {clock_.Now(), (kStartedSeconds + 60) * 1000};
    auto snapshot = std::make_shared<model::NodeSnapshot>();
    for (size_t i = 0; i < 2; ++i) {
      model::GpuSnapshot& gpu = snapshot->gpus.emplace_back();
      gpu.readings[model::MetricId::kGpuUtilization] =
          model::Reading::Value(30.0 + static_cast<double>(i), clock_.Now());
      model::HeldDevice device;
      device.gpu = i;
      report->pods.push_back({{"default", "web-" + std::to_string(i)}, report->listed, {device}});
    }
    report->snapshot = snapshot;
    fleet_.Put("node-a", stream_, std::move(report));
  }
  absl::StatusOr<double> Value() { return answers_.Value({asked_, spec_}); }

  testing::FakeClock clock_;
  kube::Store kubernetes_{clock_, [](const kube::PodPtr&) {}};
  fleet::Store fleet_{clock_};
  const uint64_t stream_ = fleet_.Connect("node-a", "1");
  std::map<ObjectKind, std::string> problems_;
  int refreshes_ = 0;
  const TriggerWatch::Problem problem_ = [this](ObjectKind kind, const std::string&) {
    return problems_[kind];
  };
  absl::Status tracked_;
  telemetry::LimitCounters limits_;
  TriggerWatch triggers_{{kubernetes_, problem_, fleet_}, {}, clock_, limits_};
  WorkloadAnswers answers_{{kubernetes_, fleet_, triggers_, problem_, [this] { ++refreshes_; },
                            [this](const model::ObjectKey& key) {
                              EXPECT_EQ(key.name, "web");
                              return tracked_;
                            }},
                           clock_};
  trigger::TriggerSpec spec_ =
      trigger::ParseTrigger({}, trigger::UnknownKeys::kRefuse).value().main();
  externalscaler::ScaledObjectRef asked_ = [] {
    externalscaler::ScaledObjectRef asked;
    asked.set_namespace_("default");
    asked.set_name("web");
    return asked;
  }();
};

TEST_F(WorkloadAnswersTest, AnswersFromAllPodsOfTheObjectsWorkload) {
  PutWorkload();
  Report();
  const auto value = Value();
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(*value, 61);
  EXPECT_TRUE(*answers_.Active({asked_, spec_}));
  EXPECT_TRUE(answers_.Check({asked_, spec_}).ok());
}

TEST_F(WorkloadAnswersTest, ATriggerThatIsNotStoredIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(Value().status()));
  PutWorkload();
  Report();
  (*asked_.mutable_scalermetadata())["gpuIndex"] = "0";
  EXPECT_TRUE(absl::IsNotFound(Value().status()));
  EXPECT_TRUE(absl::IsNotFound(answers_.Check({asked_, spec_})));
  EXPECT_EQ(refreshes_, 0);
  answers_.Refresh();
  EXPECT_EQ(refreshes_, 1);
}

TEST_F(WorkloadAnswersTest, WhatIsNotKnownOfItsKindIsUnavailable) {
  problems_[ObjectKind::kScaledJob] = "ScaledJobs: refused";
  EXPECT_EQ(Value().status(), absl::UnavailableError("ScaledJobs: refused"))
      << "it may be one of those";
  PutWorkload();
  Report();
  EXPECT_TRUE(Value().ok()) << "it is none of those";
  problems_[ObjectKind::kScaledObject] = "ScaledObjects: out of touch";
  EXPECT_EQ(Value().status(), absl::UnavailableError("ScaledObjects: out of touch"));
}

TEST_F(WorkloadAnswersTest, AnObjectTooManyIsToldSo) {
  tracked_ = absl::ResourceExhaustedError("one too many");
  EXPECT_EQ(Value().status(), tracked_);
  EXPECT_EQ(answers_.Check({asked_, spec_}), tracked_);
  PutWorkload();
  Report();
  EXPECT_TRUE(Value().ok()) << "it is tracked by now";
}

TEST_F(WorkloadAnswersTest, AnObjectThatIsDeletedIsNotFoundAgain) {
  PutWorkload();
  Report();
  kubernetes_.RemoveObject({ObjectKind::kScaledObject, "default", "web"});
  EXPECT_TRUE(absl::IsNotFound(Value().status()));
}

}  // namespace
}  // namespace kgs::scaler
