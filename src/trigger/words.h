// SPDX-License-Identifier: Apache-2.0
//
// Metadata values that are one of a few words.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/scaled_object.h"

namespace kgs::trigger {

/// Whose GPUs a trigger is about.
enum class Scope {
  /// Those of the pods that the asking object scales.
  kWorkload,
  /// All of one node.
  kNode,
  /// All of every node.
  kCluster,
};

/// How the numbers of several pods become one, of a metric that does not add up.
enum class PodAggregation { kMean, kMax };

/// What it means that the source which wakes a workload lacks its series: that nobody wants the
/// workload, or nothing.
enum class WakeAbsent { kInactive, kUnknown };

/// "workload", "node", "cluster".
std::string_view ScopeName(Scope scope);
std::optional<Scope> FindScope(std::string_view name);
std::vector<std::string_view> ScopeNames();

/// "mean", "max".
std::string_view PodAggregationName(PodAggregation aggregation);
std::optional<PodAggregation> FindPodAggregation(std::string_view name);
std::vector<std::string_view> PodAggregationNames();

/// "AverageValue", "Value"; "none" for that of a ScaledJob, which is not found by name.
std::string_view HpaMetricTypeName(model::HpaMetricType type);
std::optional<model::HpaMetricType> FindHpaMetricType(std::string_view name);
std::vector<std::string_view> HpaMetricTypeNames();

/// "inactive", "unknown".
std::optional<WakeAbsent> FindWakeAbsent(std::string_view name);
std::vector<std::string_view> WakeAbsentNames();

}  // namespace kgs::trigger
