// SPDX-License-Identifier: Apache-2.0
#include "fleet/interest.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace kgs::fleet {
namespace {

using model::DeviceState;
using model::GpuSnapshot;
using model::NodeReport;
using model::PodDevices;
using model::PodEngineReading;

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

bool GpusCross(const std::vector<Crossing>& interest, const NodeReport& before,
               const NodeReport& now) {
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

std::optional<double> ValueOf(const PodEngineReading& engine, const NodeReport& report) {
  const model::EngineReading& reading = engine.reading;
  const bool fresh = report.snapshot->taken - reading.taken() <= engine.max_age;
  return reading.has_value() && fresh ? std::optional(reading.value()) : std::nullopt;
}

/// Whether the reading of one engine crosses any of the thresholds of its key.
bool EngineCrosses(const std::vector<EngineCrossing>& interest, const std::string& key,
                   std::optional<double> was, double is) {
  const auto [begin, end] = std::ranges::equal_range(interest, key, {}, &EngineCrossing::key);
  return std::any_of(begin, end, [&](const EngineCrossing& crossing) {
    return (was && *was > crossing.threshold) != (is > crossing.threshold);
  });
}

bool EnginesCross(const std::vector<EngineCrossing>& interest, const NodeReport& before,
                  const NodeReport& now) {
  if (interest.empty()) return false;
  const auto id = [](const PodEngineReading& engine) {
    return std::tie(engine.pod_uid, engine.key);
  };
  auto earlier = before.engines.begin();
  for (const PodEngineReading& engine : now.engines) {
    while (earlier != before.engines.end() && id(*earlier) < id(engine)) ++earlier;
    const bool known = earlier != before.engines.end() && id(*earlier) == id(engine);
    const std::optional<double> is = ValueOf(engine, now);
    if (!is) continue;
    const auto was = known ? ValueOf(*earlier, before) : std::nullopt;
    if (EngineCrosses(interest, engine.key, was, *is)) return true;
  }
  return false;
}

template <typename Item>
void SortEachOnce(std::vector<Item>& items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

}  // namespace

Interest Union(const std::vector<Interest>& interests) {
  Interest all;
  for (const Interest& interest : interests) {
    all.gpus.insert(all.gpus.end(), interest.gpus.begin(), interest.gpus.end());
    all.metrics |= interest.metrics;
    all.engines.insert(all.engines.end(), interest.engines.begin(), interest.engines.end());
  }
  SortEachOnce(all.gpus);
  SortEachOnce(all.engines);
  return all;
}

bool Crosses(const Interest& interest, const NodeReport& before, const NodeReport& now) {
  return GpusCross(interest.gpus, before, now) || EnginesCross(interest.engines, before, now);
}

}  // namespace kgs::fleet
