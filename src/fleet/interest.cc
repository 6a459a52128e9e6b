// SPDX-License-Identifier: Apache-2.0
#include "fleet/interest.h"

#include <algorithm>
#include <optional>

namespace kgs::fleet {
namespace {

using model::DeviceState;
using model::GpuSnapshot;
using model::NodeReport;
using model::PodDevices;

using Gpus = std::vector<const GpuSnapshot*>;

Gpus GpusOf(const NodeReport& report) {
  Gpus gpus;
  for (const GpuSnapshot& gpu : report.snapshot->gpus) gpus.push_back(&gpu);
  return gpus;
}

Gpus GpusOf(const NodeReport& report, const PodDevices& pod) {
  Gpus gpus;
  for (const model::HeldDevice& device : pod.devices) {
    if (device.gpu && *device.gpu < report.snapshot->gpus.size()) {
      gpus.push_back(&report.snapshot->gpus[*device.gpu]);
    }
  }
  return gpus;
}

/// What the same set of GPUs was in the one report and is in the other.
struct Pair {
  Gpus before;
  Gpus now;
};

std::vector<Pair> Pairs(const NodeReport& before, const NodeReport& now) {
  std::vector<Pair> pairs = {{GpusOf(before), GpusOf(now)}};
  auto earlier = before.pods.begin();
  for (const PodDevices& pod : now.pods) {
    while (earlier != before.pods.end() && earlier->pod < pod.pod) ++earlier;
    if (earlier == before.pods.end()) break;
    if (earlier->pod == pod.pod) pairs.push_back({GpusOf(before, *earlier), GpusOf(now, pod)});
  }
  return pairs;
}

/// Nothing where no GPU has a fresh value: those that are lost or have none are left out.
std::optional<double> ValueOf(const Crossing& crossing, const NodeReport& report,
                              const Gpus& gpus) {
  std::vector<double> values;
  values.reserve(gpus.size());
  for (const GpuSnapshot* gpu : gpus) {
    const model::Reading& reading = gpu->readings[crossing.metric];
    const bool counts = gpu->state != DeviceState::kLost &&
                        reading.FreshAt(report.snapshot->taken, report.max_reading_age);
    if (counts) values.push_back(reading.value());
  }
  if (values.empty()) return std::nullopt;
  return catalogue::Aggregate(crossing.aggregation, values);
}

bool SameAggregate(const Crossing& a, const Crossing& b) {
  return a.metric == b.metric && a.aggregation == b.aggregation;
}

}  // namespace

Interest Union(const std::vector<Interest>& interests) {
  Interest all;
  for (const Interest& interest : interests) {
    all.insert(all.end(), interest.begin(), interest.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

bool Crosses(const Interest& interest, const NodeReport& before, const NodeReport& now) {
  if (interest.empty()) return false;
  for (const Pair& pair : Pairs(before, now)) {
    std::optional<double> was;
    std::optional<double> is;
    for (size_t i = 0; i < interest.size(); ++i) {
      // Sorted: the thresholds of one aggregate stand side by side.
      if (i == 0 || !SameAggregate(interest[i], interest[i - 1])) {
        was = ValueOf(interest[i], before, pair.before);
        is = ValueOf(interest[i], now, pair.now);
      }
      const double threshold = interest[i].threshold;
      if (was && is && (*was > threshold) != (*is > threshold)) return true;
    }
  }
  return false;
}

}  // namespace kgs::fleet
