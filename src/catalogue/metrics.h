// SPDX-License-Identifier: Apache-2.0
//
// The one table of metrics: a metric is a row here, a reader in a backend and a line in
// docs/metrics.md.
#pragma once

#include <span>
#include <string_view>

#include "model/metric_id.h"

namespace kgs::catalogue {

/// Whether values of several devices add up to a meaning.
enum class Kind {
  /// A percentage, a temperature: does not add up.
  kLevel,
  /// MiB, watts, bytes a second: adds up.
  kDemand,
};

struct Metric {
  model::MetricId id;
  /// As metricType and in documents: "gpu_utilization".
  std::string_view name;
  /// "percent", "MiB", "watts", "celsius", "KiB/s", "MiB/s".
  std::string_view unit;
  Kind kind;
  /// Memory that is held, whether it is in use or not: many engines reserve theirs before any load.
  bool held_memory;
  /// Whether a trigger may scale on it; false for constants such as the memory's size.
  bool scalable;
  /// A MIG device has one of its own. Else it has its GPU's, which it shares with the other MIG
  /// devices there.
  bool of_instance;
  std::string_view help;
  /// Where it is read, by vendor and architecture, in words; where it is not named, it is not
  /// supported.
  std::string_view source;
  /// What one reading costs, in words.
  std::string_view cost;
};

/// Every metric, in the order of model::MetricId.
std::span<const Metric> Metrics();
const Metric& MetricOf(model::MetricId id);
/// The scalable metric of that name, or nullptr.
const Metric* FindScalableMetric(std::string_view name);

}  // namespace kgs::catalogue
