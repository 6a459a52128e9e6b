// SPDX-License-Identifier: Apache-2.0
//
// The watch of triggers over one workload, turned by hand, with a clock that stands still. For
// tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fleet/view.h"
#include "scaler/trigger_watch.h"
#include "tests/support/fake_clock.h"
#include "tests/support/workloads.h"

namespace kgs::scaler {

class TriggerWatchTest : public ::testing::Test {
 protected:
  using Metadata = std::map<std::string, std::string>;
  static constexpr int64_t kStartedSeconds = 1'700'000'000;

  /// ScaledObject default/web of one trigger, its Deployment of one replica, and the pod.
  void PutWorkload(const Metadata& metadata = {}, const std::string& uid = "uid",
                   int replicas = 1) {
    auto object = testing::MakeObject();
    object->uid = uid;
    object->triggers = {{0, "", false, model::HpaMetricType::kAverageValue, metadata}};
    key_ = object->key;
    kubernetes_.PutObject(object);
    auto target = std::make_shared<model::ScaleTarget>();
    target->ref = object->target;
    target->target_namespace = "default";
    target->replicas = replicas;
    target->selector.requirements = {{"app", model::LabelRequirement::Operator::kIn, {"web"}}};
    kubernetes_.PutTarget(target);
    kubernetes_.PutPod(Pod());
  }
  static model::Pod Pod() {
    model::Pod pod;
    pod.name = {"default", "web-0"};
    pod.uid = "1";
    pod.node = "node-a";
    pod.labels = {{"app", "web"}};
    pod.phase = model::PodPhase::kRunning;
    pod.started_unix_seconds = kStartedSeconds;
    pod.ready = true;
    pod.ready_changed_unix_seconds = kStartedSeconds + 30;
    return pod;
  }
  void PutPodWithAddress() {
    model::Pod pod = Pod();
    pod.ip = "10.0.0.1";
    kubernetes_.PutPod(pod);
  }
  void Report(double utilization) {
    auto report = std::make_shared<model::NodeReport>();
    report->node = "node-a";
    report->max_reading_age = std::chrono::seconds(3);
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
    for (base::Duration passed{}; passed < duration; passed += std::chrono::seconds(1)) {
      clock_.Advance(std::chrono::seconds(1));
      Report(utilization);
      triggers_.Turn();
    }
  }
  std::optional<scraping::EndpointReading> EndpointSays(const scraping::EndpointKey& endpoint,
                                                        const std::string& query) {
    const bool asked = std::any_of(endpoints_.begin(), endpoints_.end(), [&](const auto& target) {
      return scraping::KeyOf(target) == endpoint;
    });
    const auto value = endpoint_values_.find(query);
    if (!asked || value == endpoint_values_.end()) return std::nullopt;
    return scraping::EndpointReading{model::EngineReading::Value(value->second, clock_.Now()),
                                     std::chrono::seconds(3)};
  }
  std::optional<scraping::EndpointWake> EndpointWakes(const scraping::EndpointKey& endpoint,
                                                      const std::string& query) {
    if (endpoints_.empty()) return std::nullopt;
    EXPECT_EQ(query, endpoints_[0].queries.at(0).Key());
    if (scraping::KeyOf(endpoints_[0]) != endpoint || !wake_) return std::nullopt;
    return scraping::EndpointWake{
        {*wake_, 0, ""}, clock_.Now(), std::nullopt, std::chrono::seconds(3)};
  }
  decision::Decision Decide() { return DecideAt(0); }
  decision::Decision DecideAt(size_t place) {
    const auto view =
        fleet::ViewWorkload(*kubernetes_.Find(key_), fleet_, kubernetes_, clock_.Now());
    return triggers_.Answer({key_, 0, model::HpaMetricType::kAverageValue}, spec_, place, view,
                            TriggerWatch::For::kCall, clock_.Now());
  }

  testing::FakeClock clock_;
  telemetry::LimitCounters limits_;
  kube::Store kubernetes_{clock_, [](const kube::PodPtr&) {}};
  fleet::Store fleet_{clock_};
  const uint64_t stream_ = fleet_.Connect("node-a", "1");
  std::string problem_;
  /// What agents were last told to ask.
  ScrapesByNode scrapes_;
  model::MetricSet metrics_;
  /// What was last to be asked of endpoints, how often that was said, and what they say, by the key
  /// of the query.
  std::vector<scraping::EndpointTarget> endpoints_;
  int endpoints_said_ = 0;
  std::map<std::string, double> endpoint_values_;
  std::optional<engine::WakeState> wake_;
  TriggerWatch triggers_{
      {kubernetes_, [this](model::ObjectKind, const std::string&) { return problem_; }, fleet_,
       true, [this](ScrapesByNode scrapes) { scrapes_ = std::move(scrapes); },
       [this](const model::MetricSet& metrics) { metrics_ = metrics; },
       [this](const std::vector<scraping::EndpointTarget>& targets) {
         endpoints_ = targets;
         ++endpoints_said_;
       },
       [this](const scraping::EndpointKey& endpoint, const std::string& query) {
         return EndpointSays(endpoint, query);
       },
       [this](const scraping::EndpointKey& endpoint, const std::string& query) {
         return EndpointWakes(endpoint, query);
       }},
      {},
      clock_,
      limits_};
  bool cut_ = false;
  trigger::TriggerSpec spec_ =
      trigger::ParseTrigger({}, trigger::UnknownKeys::kRefuse).value().main();
  model::ObjectKey key_;
};

}  // namespace kgs::scaler
