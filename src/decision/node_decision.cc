// SPDX-License-Identifier: Apache-2.0
#include "decision/node_decision.h"

#include <absl/status/status.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "catalogue/aggregation.h"
#include "catalogue/metrics.h"
#include "decision/mig_share.h"
#include "decision/problem_text.h"

namespace kgs::decision {
namespace {

using base::Duration;
using base::SteadyTime;
using model::DeviceState;
using model::GpuSnapshot;
using model::NodeSnapshot;
using model::Reading;

std::vector<std::string> SourceProblems(const NodeSnapshot& snapshot) {
  std::vector<std::string> problems;
  for (const model::SourceHealth& source : snapshot.sources) {
    if (!source.problem.empty()) problems.push_back(source.backend + ": " + source.problem);
  }
  return problems;
}

/// Why there is no GPU at all to read.
std::string NoGpuText(const NodeSnapshot& snapshot) {
  const std::vector<std::string> problems = SourceProblems(snapshot);
  if (!problems.empty()) return Summary("no GPU can be read", problems);
  return "no GPU can be read: the driver lists none on this node";
}

struct Selection {
  std::vector<const GpuSnapshot*> gpus;
  /// Why others are not among them.
  std::vector<std::string> left_out;
};

absl::StatusOr<Selection> SelectOne(const trigger::TriggerSpec& spec,
                                    const NodeSnapshot& snapshot) {
  Selection selected;
  for (const GpuSnapshot& gpu : snapshot.gpus) {
    if (gpu.identity.index != spec.gpu_index) continue;
    // A lost GPU keeps its index: another that the driver has since moved there is not the one
    // that was asked for.
    if (gpu.state != DeviceState::kPresent) return absl::UnavailableError(StateText(gpu));
    selected.gpus.push_back(&gpu);
  }
  if (selected.gpus.empty()) {
    std::vector<std::string> indices;
    for (const GpuSnapshot& gpu : snapshot.gpus) {
      std::string index = std::to_string(gpu.identity.index);
      // MIG devices have that of their GPU, and each vendor counts from 0.
      if (std::find(indices.begin(), indices.end(), index) == indices.end()) {
        indices.push_back(std::move(index));
      }
    }
    return absl::UnavailableError(base::Truncate(
        GpuIndexText(spec) + ": no such GPU on this node; it has GPU " + base::JoinWithAnd(indices),
        kLongestMessage));
  }
  return selected;
}

absl::StatusOr<Selection> SelectAll(const NodeSnapshot& snapshot) {
  Selection selected;
  for (const GpuSnapshot& gpu : snapshot.gpus) {
    if (gpu.state == DeviceState::kPresent) {
      selected.gpus.push_back(&gpu);
    } else {
      selected.left_out.push_back(StateText(gpu));
    }
  }
  if (selected.gpus.empty()) {
    return absl::UnavailableError(Summary("no GPU can be read", selected.left_out));
  }
  return selected;
}

}  // namespace

Duration MaxReadingAge(Duration sampling_interval) {
  return std::max<Duration>(3 * sampling_interval, std::chrono::seconds(3));
}

absl::StatusOr<NodeReadings> ReadNode(const trigger::TriggerSpec& spec,
                                      const NodeSnapshot* snapshot, SteadyTime now,
                                      Duration max_reading_age) {
  if (snapshot == nullptr) return absl::UnavailableError("no GPU has been sampled yet");
  if (snapshot->gpus.empty()) return absl::UnavailableError(NoGpuText(*snapshot));
  const auto selected =
      spec.gpu_index == trigger::kAllGpus ? SelectAll(*snapshot) : SelectOne(spec, *snapshot);
  if (!selected.ok()) return selected.status();

  NodeReadings readings;
  std::vector<std::string> problems;
  std::vector<std::string> unsupported;
  const bool adds_up = catalogue::MetricOf(spec.metric).kind == catalogue::Kind::kDemand;
  for (const GpuSnapshot* gpu : selected->gpus) {
    if (RepeatsItsGpu(*snapshot, *gpu, spec.metric)) continue;
    const Reading& reading = gpu->readings[spec.metric];
    if (reading.FreshAt(now, max_reading_age)) {
      readings.oldest =
          readings.values.empty() ? reading.taken() : std::min(readings.oldest, reading.taken());
      const int sharers = adds_up ? MigSharers(*snapshot, *gpu, spec.metric) : 1;
      readings.values.push_back(reading.value() / sharers);
    } else {
      (reading.NotOffered() ? unsupported : problems)
          .push_back(NameOf(*gpu) + ": " + WhyNotFresh(*gpu, reading));
    }
  }
  // A GPU that never had the metric cannot be missed in the aggregate; alone, it is the trouble.
  if (readings.values.empty() && problems.empty()) problems = std::move(unsupported);
  // MIG devices that are there while the GPU, whose number it is, is lost.
  if (readings.values.empty() && problems.empty()) problems = std::move(selected->left_out);
  if (!problems.empty()) {
    const std::string metric(catalogue::MetricOf(spec.metric).name);
    return absl::UnavailableError(
        Summary("no fresh " + metric + " of every selected GPU", problems));
  }
  return readings;
}

bool OffersNowhere(const trigger::TriggerSpec& spec, const NodeSnapshot* snapshot) {
  // A driver in trouble may have GPUs that have it.
  if (snapshot == nullptr || !SourceProblems(*snapshot).empty()) return false;
  const auto offers = [&](const GpuSnapshot& gpu) {
    return gpu.state == DeviceState::kPresent && !gpu.readings[spec.metric].NotOffered();
  };
  const auto present = [](const GpuSnapshot& gpu) { return gpu.state == DeviceState::kPresent; };
  return std::any_of(snapshot->gpus.begin(), snapshot->gpus.end(), present) &&
         std::none_of(snapshot->gpus.begin(), snapshot->gpus.end(), offers);
}

absl::StatusOr<double> NodeValue(const trigger::TriggerSpec& spec, const NodeSnapshot* snapshot,
                                 SteadyTime now, Duration max_reading_age) {
  const auto readings = ReadNode(spec, snapshot, now, max_reading_age);
  if (!readings.ok()) return readings.status();
  const double value = catalogue::Aggregate(spec.aggregation, readings->values);
  if (!std::isfinite(value)) return absl::UnavailableError("the readings make no finite number");
  // KEDA reads a negative number as 0 (a temperature may be one).
  return std::max(0.0, value);
}

absl::StatusOr<bool> NodeActivity(const trigger::TriggerSpec& spec, const NodeSnapshot* snapshot,
                                  SteadyTime now, Duration max_reading_age) {
  if (spec.always_active) return true;
  const auto value = NodeValue(spec, snapshot, now, max_reading_age);
  if (!value.ok()) return value.status();
  return *value > spec.activation_threshold;
}

std::string WhyBlind(const NodeSnapshot* snapshot, SteadyTime now, Duration max_reading_age) {
  if (snapshot == nullptr) return "no GPU has been sampled yet";
  if (snapshot->gpus.empty()) return NoGpuText(*snapshot);
  std::vector<std::string> problems;
  for (const GpuSnapshot& gpu : snapshot->gpus) {
    if (gpu.state != DeviceState::kPresent) {
      problems.push_back(StateText(gpu));
      continue;
    }
    std::string why = NameOf(gpu) + ": not sampled yet";
    for (const Reading& reading : gpu.readings) {
      if (reading.FreshAt(now, max_reading_age)) return "";
      if (reading.has_value() || !reading.detail().empty()) {
        why = NameOf(gpu) + ": " + WhyNotFresh(gpu, reading);
      }
    }
    problems.push_back(why);
  }
  return Summary("no GPU has a fresh reading", problems);
}

}  // namespace kgs::decision
