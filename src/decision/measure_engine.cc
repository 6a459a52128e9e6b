// SPDX-License-Identifier: Apache-2.0
#include "decision/measure_engine.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "model/engine_reading.h"
#include "model/engine_scrape.h"

namespace kgs::decision {
namespace {

using base::SteadyTime;
using model::EngineGap;
using model::EngineReading;
using model::PodEngineReading;
using model::PodView;

constexpr char kLwsWorker[] = "leaderworkerset.sigs.k8s.io/worker-index";

bool IsWorker(const PodView& pod) {
  const std::string* index = model::FindLabel(pod.pod->labels, kLwsWorker);
  return index != nullptr && *index != "0";
}

std::vector<const PodView*> ServingPods(const Unit& unit) {
  std::vector<const PodView*> pods;
  for (const PodView* pod : unit.pods) {
    if (!IsWorker(*pod)) pods.push_back(pod);
  }
  return pods;
}

const PodEngineReading* Find(const PodView& pod, const std::string& key) {
  const auto found =
      std::lower_bound(pod.engines.begin(), pod.engines.end(), key,
                       [](const PodEngineReading& a, const std::string& b) { return a.key < b; });
  return found != pod.engines.end() && found->key == key ? &*found : nullptr;
}

/// Why there is not even a gap.
std::string WhyNotRead(const PodView& pod) {
  switch (pod.unattributed) {
    case model::Unattributed::kNotScheduled:
    case model::Unattributed::kNoAgent:
    case model::Unattributed::kAgentSilent:
      return pod.why;
    default:
      return "its engine has not been read yet";
  }
}

/// What one pod says: a value, that it sleeps, or why neither.
struct PodValue {
  std::optional<double> value;
  bool asleep = false;
  std::string why = {};
  SteadyTime taken = {};
};

PodValue ReadPod(const std::string& key, bool hidden, const PodView& pod, SteadyTime now) {
  const PodEngineReading* found = Find(pod, key);
  if (found == nullptr) return {.why = WhyNotRead(pod)};
  const EngineReading& reading = found->reading;
  if (now - reading.taken() > found->max_age) {
    return {.why = "the last reading of its engine is stale"};
  }
  if (reading.has_value()) return {.value = reading.value(), .taken = reading.taken()};
  switch (reading.gap()) {
    case EngineGap::kSleeping:
      return {.asleep = true, .why = "its engine sleeps", .taken = reading.taken()};
    case EngineGap::kNothingHappened:
      // Nothing waited in all of the window that the rates are taken over.
      return {.value = 0, .taken = reading.taken()};
    default:
      return {.why = hidden || reading.detail().empty()
                         ? "its engine: " + std::string(model::EngineGapName(reading.gap()))
                         : reading.detail()};
  }
}

}  // namespace

UnitReading ReadEngines(const trigger::EngineMetric& metric, bool hidden, const Unit& unit,
                        SteadyTime now) {
  UnitReading reading;
  reading.of_engine = true;
  reading.why = unit.problem;
  if (!unit.problem.empty()) return reading;
  std::optional<double> value;
  bool asleep = false;
  for (const PodView* pod : ServingPods(unit)) {
    const PodValue read = ReadPod(metric.key, hidden, *pod, now);
    if (!read.value) reading.why = read.why;
    if (!read.value && !read.asleep) {
      if (unit.pods.size() > 1) reading.why = pod->pod->name.Text() + ": " + reading.why;
      return reading;
    }
    asleep |= read.asleep;
    if (read.asleep) continue;
    reading.oldest = value ? std::min(reading.oldest, read.taken) : read.taken;
    reading.newest = value ? std::max(reading.newest, read.taken) : read.taken;
    const double before = value.value_or(0);
    value = metric.demand ? before + *read.value : std::max(before, *read.value);
  }
  if (!value) {
    reading.asleep = asleep;
    if (!asleep) reading.why = "none of its pods serves an engine's page";
  } else if (!std::isfinite(*value)) {
    reading.why = "the readings of its engines make no finite number";
  } else {
    // KEDA reads a negative number as 0.
    reading.value = std::max(0.0, *value);
    reading.why.clear();
  }
  return reading;
}

}  // namespace kgs::decision
