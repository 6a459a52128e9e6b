// SPDX-License-Identifier: Apache-2.0
//
// A workload whose pods are changed by hand while a trigger watches it. For tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "decision/decision.h"
#include "tests/support/workloads.h"

namespace kgs::decision {

class DecisionFixture : public ::testing::Test {
 protected:
  DecisionFixture() {
    spec_.target = 80;
    view_ = testing::MakeWorkload(0);
  }

  void Ask(model::MetricId metric, double target) {
    spec_.metric = metric;
    spec_.target = target;
  }

  /// What the metadata says, of which the first spec counts.
  void AskBy(const trigger::Metadata& metadata) {
    const auto parsed = trigger::ParseTrigger(metadata, trigger::UnknownKeys::kRefuse);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    spec_ = parsed->main();
  }

  /// As many replicas as pods, all Ready, each with a GPU for each of its values.
  void SetPods(const std::vector<std::vector<double>>& pods) {
    const auto object = view_.object;
    view_ = testing::MakeWorkload(static_cast<int>(pods.size()));
    view_.object = object;
    AddPods(pods);
  }
  void AddPods(const std::vector<std::vector<double>>& pods) {
    for (const auto& values : pods) {
      const std::string name = "web-" + std::to_string(view_.pods.size());
      view_.pods.push_back(testing::MakePod(name, values, now_, spec_.metric));
    }
  }
  void SetReplicas(int replicas) {
    auto target = std::make_shared<model::ScaleTarget>(*view_.target);
    target->replicas = replicas;
    view_.target = std::move(target);
  }
  void SetModifiers(model::HpaMetricType type) {
    auto object = testing::MakeObject();
    object->modifiers = model::ScalingModifiers{"a + b", "80", type};
    view_.object = std::move(object);
  }
  void SetJob() {
    view_.object = testing::MakeObject(model::ObjectKind::kScaledJob);
    view_.target = nullptr;
    type_ = model::HpaMetricType::kNone;
  }

  template <typename Change>
  void ChangePod(size_t i, Change change) {
    view_.pods[i] = testing::ChangePod(view_.pods[i], change);
  }
  void NotReady(size_t i) {
    ChangePod(i, [](model::Pod& pod) { pod.ready = false; });
  }
  void NotReady(size_t i, int64_t started, int64_t ready_changed) {
    ChangePod(i, [&](model::Pod& pod) {
      pod.ready = false;
      pod.started_unix_seconds = started;
      pod.ready_changed_unix_seconds = ready_changed;
    });
  }
  /// Its agent is gone.
  void Lose(size_t i) {
    view_.pods[i].gpus.clear();
    view_.pods[i].unattributed = model::Unattributed::kNoAgent;
    view_.pods[i].why = "no agent reports from node node-a";
  }
  /// One GPU with this value, from now on.
  void SetValue(size_t i, double value) {
    model::PodView pod =
        testing::MakePod(view_.pods[i].pod->name.name, {value}, now_, spec_.metric);
    pod.pod = view_.pods[i].pod;
    view_.pods[i] = std::move(pod);
  }
  void SetReading(size_t i, model::MetricId metric, double value) {
    ASSERT_FALSE(view_.pods[i].gpus.empty());
    auto node = std::make_shared<model::NodeSnapshot>(*view_.pods[i].gpus[0].node);
    node->gpus[0].readings[metric] = model::Reading::Value(value, now_);
    view_.pods[i].gpus[0].node = std::move(node);
  }

  /// What the engine of a pod says from now on, to one of the spec's queries.
  void SetEngine(size_t i, const trigger::EngineMetric& metric, model::EngineReading reading) {
    auto& engines = view_.pods[i].engines;
    std::erase_if(engines, [&](const auto& known) { return known.key == metric.key; });
    const auto place = std::find_if(engines.begin(), engines.end(),
                                    [&](const auto& known) { return known.key > metric.key; });
    engines.insert(place, {view_.pods[i].pod->uid, metric.key, std::move(reading), kMaxAge});
  }
  void SetEngine(size_t i, const trigger::EngineMetric& metric, double value) {
    SetEngine(i, metric, model::EngineReading::Value(value, now_));
  }
  void SetEngine(size_t i, const trigger::EngineMetric& metric, model::EngineGap gap) {
    SetEngine(i, metric, model::EngineReading::Missing(gap, "words of the agent", now_));
  }
  /// As many replicas as values, without GPUs, whose engines say them.
  void SetEngines(const std::vector<double>& values) {
    SetPods(std::vector<std::vector<double>>(values.size()));
    for (size_t i = 0; i < values.size(); ++i) SetEngine(i, *spec_.engine, values[i]);
  }

  /// Time goes by, and all agents that are there report the same again.
  void Pass(base::Duration duration) {
    now_ += duration;
    for (model::PodView& pod : view_.pods) {
      for (model::PodEngineReading& engine : pod.engines) Renew(engine.reading);
      if (pod.gpus.empty()) continue;
      auto node = std::make_shared<model::NodeSnapshot>(*pod.gpus[0].node);
      for (model::GpuSnapshot& gpu : node->gpus) Renew(gpu.readings);
      for (model::PodGpu& gpu : pod.gpus) gpu.node = node;
    }
  }
  /// The same, observed each second.
  void Watch(base::Duration duration) {
    Observe(history_, spec_, view_, now_);
    for (const auto end = now_ + duration; now_ < end;) {
      Pass(std::chrono::seconds(1));
      Observe(history_, spec_, view_, now_);
    }
  }

  Decision Now() const { return Decide({spec_, type_, view_, now_}, history_); }

  base::SteadyTime now_{std::chrono::hours(1)};
  trigger::TriggerSpec spec_;
  model::HpaMetricType type_ = model::HpaMetricType::kAverageValue;
  model::WorkloadView view_;
  History history_;

  static constexpr base::Duration kMaxAge = std::chrono::seconds(3);

 private:
  void Renew(model::EngineReading& reading) const {
    reading = reading.has_value()
                  ? model::EngineReading::Value(reading.value(), now_)
                  : model::EngineReading::Missing(reading.gap(), reading.detail(), now_);
  }
  void Renew(model::Readings& readings) const {
    for (size_t i = 0; i < model::kMetricCount; ++i) {
      model::Reading& reading = readings[static_cast<model::MetricId>(i)];
      if (reading.has_value()) reading = model::Reading::Value(reading.value(), now_);
    }
  }
};

}  // namespace kgs::decision
