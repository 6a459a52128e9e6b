// SPDX-License-Identifier: Apache-2.0
#include "decision/workload_decision.h"

#include <absl/status/status.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "base/strings.h"
#include "catalogue/aggregation.h"
#include "catalogue/metrics.h"
#include "decision/problem_text.h"
#include "decision/units.h"

namespace kgs::decision {
namespace {

using base::SteadyTime;
using model::HpaMetricType;
using model::PodGpu;
using model::PodView;
using model::WorkloadView;

bool IsDemand(const trigger::TriggerSpec& spec) {
  return catalogue::MetricOf(spec.metric).kind == catalogue::Kind::kDemand;
}

/// The one GPU that gpuIndex means, or all.
absl::StatusOr<std::vector<const PodGpu*>> Select(const trigger::TriggerSpec& spec,
                                                  const PodView& pod) {
  std::vector<const PodGpu*> selected;
  if (spec.gpu_index == trigger::kAllGpus) {
    for (const PodGpu& gpu : pod.gpus) selected.push_back(&gpu);
    return selected;
  }
  const auto index = static_cast<size_t>(spec.gpu_index);
  if (index >= pod.gpus.size()) {
    return absl::UnavailableError("gpuIndex " + std::to_string(spec.gpu_index) + ": it has " +
                                  std::to_string(pod.gpus.size()) + " GPUs");
  }
  selected.push_back(&pod.gpus[index]);
  return selected;
}

/// What one GPU shows to this pod.
absl::StatusOr<double> ReadGpu(const trigger::TriggerSpec& spec, const PodGpu& gpu,
                               SteadyTime now) {
  const model::GpuSnapshot& snapshot = gpu.snapshot();
  if (snapshot.state != model::DeviceState::kPresent) {
    return absl::UnavailableError(StateText(snapshot));
  }
  const model::Reading& reading = snapshot.readings[spec.metric];
  if (!reading.FreshAt(now, gpu.max_reading_age)) {
    return absl::UnavailableError(NameOf(snapshot) + ": " + WhyNotFresh(snapshot, reading));
  }
  // Requests, MiB and watts of a shared GPU belong to all who share it; a percentage is the GPU's.
  return IsDemand(spec) ? reading.value() * gpu.shares / gpu.all_shares : reading.value();
}

absl::Status ReadPod(const trigger::TriggerSpec& spec, const PodView& pod, SteadyTime now,
                     std::vector<double>& values) {
  if (pod.unattributed != model::Unattributed::kNone) return absl::UnavailableError(pod.why);
  const auto selected = Select(spec, pod);
  if (!selected.ok()) return selected.status();
  for (const PodGpu* gpu : *selected) {
    const auto value = ReadGpu(spec, *gpu, now);
    if (!value.ok()) return value.status();
    values.push_back(*value);
  }
  return absl::OkStatus();
}

absl::StatusOr<double> ReadUnit(const trigger::TriggerSpec& spec, const Unit& unit,
                                SteadyTime now) {
  if (!unit.problem.empty()) return absl::UnavailableError(unit.problem);
  std::vector<double> values;
  for (const PodView* pod : unit.pods) {
    if (absl::Status status = ReadPod(spec, *pod, now, values); !status.ok()) {
      return absl::UnavailableError(unit.pods.size() == 1 ? std::string(status.message())
                                                          : pod->pod->name.Text() + ": " +
                                                                std::string(status.message()));
    }
  }
  if (values.empty()) return absl::UnavailableError("it has no GPU");
  const double value = catalogue::Aggregate(spec.aggregation, values);
  if (!std::isfinite(value)) return absl::UnavailableError("its readings make no finite number");
  // KEDA reads a negative number as 0 (a temperature may be one).
  return std::max(0.0, value);
}

/// The reading of every replica; empty for a target of 0 replicas.
absl::StatusOr<std::vector<double>> ReadUnits(const trigger::TriggerSpec& spec,
                                              const WorkloadView& view, SteadyTime now) {
  const std::string who = view.object->key.Text();
  if (!view.problem.empty()) {
    return absl::UnavailableError(
        base::Truncate(base::OneLine(who + ": " + view.problem), kLongestMessage));
  }
  if (view.target != nullptr && view.target->replicas == 0) return std::vector<double>();
  const std::vector<Unit> units = UnitsOf(view, spec.replica_label);
  std::vector<double> values;
  std::vector<std::string> problems;
  for (const Unit& unit : units) {
    const auto value = ReadUnit(spec, unit, now);
    if (value.ok()) {
      values.push_back(*value);
    } else {
      problems.push_back(unit.name + ": " + std::string(value.status().message()));
    }
  }
  if (view.target != nullptr && units.size() < static_cast<size_t>(view.target->replicas)) {
    problems.push_back(std::to_string(units.size()) + " of " +
                       std::to_string(view.target->replicas) + " replicas are there");
  }
  if (!problems.empty()) {
    const std::string metric(catalogue::MetricOf(spec.metric).name);
    return absl::UnavailableError(
        Summary(who + ": no " + metric + " of the whole workload", problems));
  }
  return values;
}

/// What the HPA makes of the number: that of the modifiers, where KEDA puts triggers together.
HpaMetricType EffectiveType(HpaMetricType metric_type, const WorkloadView& view) {
  if (metric_type == HpaMetricType::kNone || !view.object->modifiers) return metric_type;
  return view.object->modifiers->metric_type;
}

absl::Status CheckJob(const trigger::TriggerSpec& spec, HpaMetricType metric_type,
                      const WorkloadView& view) {
  if (metric_type != HpaMetricType::kNone || IsDemand(spec)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      view.object->key.Text() + ": metricType " +
      std::string(catalogue::MetricOf(spec.metric).name) +
      " is a level, which says nothing of how many jobs to start; scale a ScaledJob on a demand");
}

}  // namespace

absl::StatusOr<double> WorkloadValue(const trigger::TriggerSpec& spec, HpaMetricType metric_type,
                                     const WorkloadView& view, SteadyTime now) {
  if (absl::Status status = CheckJob(spec, metric_type, view); !status.ok()) return status;
  const auto values = ReadUnits(spec, view, now);
  if (!values.ok()) return values.status();
  if (values->empty()) return 0.0;
  const double sum = std::accumulate(values->begin(), values->end(), 0.0);
  // A mean times the number of replicas is their sum: one number for levels and demands.
  if (EffectiveType(metric_type, view) != HpaMetricType::kValue) return sum;
  return sum / static_cast<double>(values->size());
}

absl::StatusOr<bool> WorkloadActivity(const trigger::TriggerSpec& spec, HpaMetricType metric_type,
                                      const WorkloadView& view, SteadyTime now) {
  if (absl::Status status = CheckJob(spec, metric_type, view); !status.ok()) return status;
  if (spec.always_active) return true;
  const auto values = ReadUnits(spec, view, now);
  if (!values.ok()) return values.status();
  return std::any_of(values->begin(), values->end(),
                     [&](double value) { return value > spec.activation_threshold; });
}

}  // namespace kgs::decision
