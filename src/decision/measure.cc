// SPDX-License-Identifier: Apache-2.0
#include "decision/measure.h"

#include <absl/status/statusor.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "catalogue/aggregation.h"
#include "catalogue/metrics.h"
#include "decision/measure_engine.h"
#include "decision/mig_share.h"
#include "decision/problem_text.h"

namespace kgs::decision {
namespace {

using base::SteadyTime;
using model::MetricId;
using model::PodGpu;
using model::PodView;
using model::Reading;

using Gpus = std::vector<const PodGpu*>;

/// Adds the GPUs of \p pod that gpuIndex means. False, with the reason, where its devices are not
/// known or it has no such one.
bool Select(const trigger::TriggerSpec& spec, const PodView& pod, Gpus& gpus,
            UnitReading& reading) {
  if (pod.unattributed != model::Unattributed::kNone) {
    reading.why = pod.why;
    return false;
  }
  if (spec.gpu_index == trigger::kAllGpus) {
    for (const PodGpu& gpu : pod.gpus) gpus.push_back(&gpu);
    return true;
  }
  const auto index = static_cast<size_t>(spec.gpu_index);
  if (index >= pod.gpus.size()) {
    reading.why = GpuIndexText(spec) + ": it has " + std::to_string(pod.gpus.size()) +
                  (pod.gpus.size() == 1 ? " GPU" : " GPUs");
    reading.no_such_gpu = "pod " + pod.pod->name.Text() + ": " + reading.why;
    return false;
  }
  gpus.push_back(&pod.gpus[index]);
  return true;
}

/// What the pod's own processes say of \p metric, where its share of the GPU is read by them; else
/// null.
const Reading* OwnReading(MetricId metric, const PodGpu& gpu) {
  if (!gpu.shared() || !gpu.own) return nullptr;
  switch (metric) {
    case MetricId::kGpuUtilization:
      return &gpu.own->utilization;
    case MetricId::kMemoryUsedMib:
    case MetricId::kMemoryUsedPercent:
      return &gpu.own->memory_mib;
    default:
      return nullptr;
  }
}

absl::StatusOr<Reading> Fresh(const Reading& reading, const PodGpu& gpu, SteadyTime now) {
  if (reading.FreshAt(now, gpu.max_reading_age)) return reading;
  return absl::UnavailableError(NameOf(gpu.snapshot()) + ": " +
                                WhyNotFresh(gpu.snapshot(), reading));
}

/// What one GPU shows to this pod.
absl::StatusOr<Reading> ReadGpu(MetricId metric, const PodGpu& gpu, SteadyTime now) {
  const model::GpuSnapshot& snapshot = gpu.snapshot();
  if (snapshot.state != model::DeviceState::kPresent) {
    return absl::UnavailableError(StateText(snapshot));
  }
  const Reading* own = OwnReading(metric, gpu);
  const auto reading = Fresh(own != nullptr ? *own : snapshot.readings[metric], gpu, now);
  if (!reading.ok()) return reading;
  if (own != nullptr) {
    if (metric != MetricId::kMemoryUsedPercent) return reading;
    const auto total = Fresh(snapshot.readings[MetricId::kMemoryTotalMib], gpu, now);
    if (!total.ok()) return total;
    return Reading::Value(100 * reading->value() / total->value(),
                          std::min(reading->taken(), total->taken()));
  }
  const bool adds_up = catalogue::MetricOf(metric).kind == catalogue::Kind::kDemand;
  if (!adds_up) return reading;
  const int sharers = MigSharers(*gpu.node, snapshot, metric);
  return Reading::Value(reading->value() * gpu.shares / gpu.all_shares / sharers, reading->taken());
}

/// Nothing where any has no fresh reading.
std::optional<double> AggregateOf(MetricId metric, catalogue::Aggregation aggregation,
                                  const Gpus& gpus, SteadyTime now) {
  std::vector<double> values;
  for (const PodGpu* gpu : gpus) {
    const auto value = ReadGpu(metric, *gpu, now);
    if (!value.ok() || !std::isfinite(value->value())) return std::nullopt;
    values.push_back(value->value());
  }
  return catalogue::Aggregate(aggregation, values);
}

/// False, with the reason, where any has no fresh reading.
bool ReadGpus(const trigger::TriggerSpec& spec, const Gpus& gpus, SteadyTime now,
              UnitReading& reading) {
  std::vector<double> values;
  for (const PodGpu* gpu : gpus) {
    const auto shown = ReadGpu(spec.metric, *gpu, now);
    if (!shown.ok()) {
      reading.why = std::string(shown.status().message());
      return false;
    }
    const SteadyTime taken = shown->taken();
    reading.oldest = values.empty() ? taken : std::min(reading.oldest, taken);
    reading.newest = values.empty() ? taken : std::max(reading.newest, taken);
    const bool split = OwnReading(spec.metric, *gpu) != nullptr;
    reading.split |= split;
    reading.shared |= gpu->shared() && !split;
    reading.mig_shared |= !split && MigSharers(*gpu->node, gpu->snapshot(), spec.metric) > 1;
    values.push_back(shown->value());
  }
  const double value = catalogue::Aggregate(spec.aggregation, values);
  if (!std::isfinite(value)) {
    reading.why = "its readings make no finite number";
    return false;
  }
  // KEDA reads a negative number as 0 (a temperature may be one).
  reading.value = std::max(0.0, value);
  return true;
}

UnitReading ReadUnitGpus(const trigger::TriggerSpec& spec, const Unit& unit, SteadyTime now) {
  UnitReading reading;
  reading.why = unit.problem;
  Gpus gpus;
  for (const PodView* pod : unit.pods) {
    if (Select(spec, *pod, gpus, reading)) continue;
    if (unit.pods.size() > 1) reading.why = pod->pod->name.Text() + ": " + reading.why;
    return reading;
  }
  if (!unit.problem.empty()) return reading;
  if (gpus.empty()) {
    reading.why = "it has no GPU";
    return reading;
  }
  if (!ReadGpus(spec, gpus, now, reading)) return reading;
  if (trigger::IsHeldMemory(spec)) {
    // The sum of percentages would move by more than any of them.
    const auto aggregation = spec.aggregation == catalogue::Aggregation::kSum
                                 ? catalogue::Aggregation::kAvg
                                 : spec.aggregation;
    reading.memory_percent = AggregateOf(MetricId::kMemoryUsedPercent, aggregation, gpus, now);
    reading.gpu_utilization =
        AggregateOf(MetricId::kGpuUtilization, catalogue::Aggregation::kMax, gpus, now);
  }
  return reading;
}

}  // namespace

UnitReading ReadUnit(const trigger::TriggerSpec& spec, const Unit& unit, SteadyTime now) {
  const auto& metric = spec.engine ? spec.engine : spec.engine_instead;
  if (metric) {
    UnitReading of_engine = ReadEngines(*metric, spec.engine_hidden, unit, now);
    if (of_engine.value && spec.engine_load) {
      of_engine.load = ReadEngines(*spec.engine_load, spec.engine_hidden, unit, now).value;
    }
    // What stands in for the GPUs does so only where it is there.
    if (spec.engine || of_engine.value || of_engine.asleep) return of_engine;
  }
  return ReadUnitGpus(spec, unit, now);
}

bool IsReady(const Unit& unit) {
  return std::all_of(unit.pods.begin(), unit.pods.end(),
                     [](const PodView* pod) { return pod->pod->ready; });
}

}  // namespace kgs::decision
