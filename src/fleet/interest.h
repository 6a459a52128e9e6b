// SPDX-License-Identifier: Apache-2.0
//
// What hubs want to be told of, what of it at once, and when an agent must tell. Pure.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
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

/// What the engine of any one pod says, and the value it may cross.
struct EngineCrossing {
  /// EngineQuery::Key.
  std::string key;
  double threshold = 0;

  auto operator<=>(const EngineCrossing&) const = default;
};

/// Each sorted, and each crossing once.
struct Interest {
  std::vector<Crossing> gpus{};
  std::vector<EngineCrossing> engines{};
  /// Of GPUs, those that any trigger reads, whether it waits for crossings or not: what blocks for
  /// long is read for these alone.
  model::MetricSet metrics{};

  bool operator==(const Interest&) const = default;
};

/// A hub asks for no more of either: what is beyond comes with the report of the next second.
inline constexpr size_t kMostCrossings = 512;

/// The union, sorted.
Interest Union(const std::vector<Interest>& interests);

/// Whether any of \p interest stands on another side in \p now than in \p before: above the
/// threshold against at or below it, of the node's GPUs, of those of a pod that is in both, or of
/// the engine of a pod. Where either has no fresh value at its own time, nothing is crossed, but
/// for an engine that has now come to have one above: it may make its workload active.
bool Crosses(const Interest& interest, const model::NodeReport& before,
             const model::NodeReport& now);

}  // namespace kgs::fleet
