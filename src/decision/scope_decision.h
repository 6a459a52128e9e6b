// SPDX-License-Identifier: Apache-2.0
//
// Answers for whole nodes, whoever uses their GPUs: scope node and scope cluster. They rest on the
// moment alone. Pure.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "decision/decision.h"
#include "model/node_snapshot.h"

namespace kgs::decision {

/// What is known of one node.
struct NodeView {
  std::string name;
  /// Null until its agent has reported.
  std::shared_ptr<const model::NodeSnapshot> snapshot;
  base::Duration max_reading_age{};
};

struct ScopeQuestion {
  const trigger::TriggerSpec& spec;
  trigger::Scope scope;
  /// Of the trigger, as Kubernetes has it; nothing where Kubernetes is not configured.
  std::optional<model::HpaMetricType> metric_type;
  /// The object and its target, for R; null where Kubernetes is not configured.
  const model::WorkloadView* workload;
  /// Every node that is known.
  const std::vector<NodeView>& nodes;
  base::SteadyTime now;
  /// For how long this process has let nodes report; nothing where it reads its only node itself.
  std::optional<base::Duration> listening = std::nullopt;
};

/// A process that has listened for less than this may not have heard of every node: agents come
/// back after a break with a back-off, and look for new hubs every so often.
inline constexpr base::Duration kGathering = std::chrono::seconds(30);

/// The scope that \p spec means: what it says, else workload where access to Kubernetes is
/// configured, else node. INVALID_ARGUMENT for a workload, and for a metric of engines, without
/// Kubernetes.
absl::StatusOr<trigger::Scope> EffectiveScope(const trigger::TriggerSpec& spec,
                                              bool kubernetes_configured);

/// The aggregate over the GPUs of the node that \p question means, or of all nodes, each as
/// ReadNode has it. Under AverageValue a level (any aggregate but the sum) is multiplied by R,
/// since the HPA divides by it; where R is not known, the aggregate goes out as it is, with a
/// warning. Active means that the aggregate is above the threshold now.
///
/// UNAVAILABLE where a node that is meant cannot be read, or may not have reported yet
/// (kGathering): an aggregate without it could read as falling load. INVALID_ARGUMENT in scope node
/// without a name among several nodes.
Decision DecideScope(const ScopeQuestion& question);

}  // namespace kgs::decision
