// SPDX-License-Identifier: Apache-2.0
//
// What hubs want to be told of at once, and when an agent must tell. Pure.
#pragma once

#include <compare>
#include <vector>

#include "base/clock.h"
#include "catalogue/aggregation.h"
#include "model/metric_id.h"
#include "model/node_report.h"

namespace kgs::fleet {

/// An aggregate over the GPUs of one pod, or of the node, and the value it may cross.
struct Crossing {
  model::MetricId metric = model::MetricId::kGpuUtilization;
  catalogue::Aggregation aggregation = catalogue::Aggregation::kMax;
  double threshold = 0;

  auto operator<=>(const Crossing&) const = default;
};

/// Sorted, each once.
using Interest = std::vector<Crossing>;

/// A hub asks for no more: what is beyond comes with the report of the next second.
inline constexpr size_t kMostCrossings = 512;

/// The union, sorted.
Interest Union(const std::vector<Interest>& interests);

/// Whether any of \p interest stands on another side in \p now than in \p before: above the
/// threshold against at or below it, of the node's GPUs or of those of a pod that is in both.
/// Where either has no fresh value at its own time, nothing is crossed.
bool Crosses(const Interest& interest, const model::NodeReport& before,
             const model::NodeReport& now);

}  // namespace kgs::fleet
