// SPDX-License-Identifier: Apache-2.0
//
// Replicas that are made of several pods. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/workload_view.h"

namespace kgs::decision {

/// One replica: what the HPA counts as one.
struct Unit {
  /// "pod namespace/name" or "group 3 of default/llama".
  std::string name;
  std::vector<const model::PodView*> pods;
  /// Why the unit is not whole (a pod of the group is not there, or has no such label); else empty.
  std::string problem;
};

/// The units of the pods that count: not terminating, not ended. Pods with the labels of a
/// LeaderWorkerSet group go by group; else pods go by the value of \p replica_label where that is
/// not empty; else each pod is one. By name.
///
/// A group of a LeaderWorkerSet has its pods counted against its size; of other groups no size is
/// known. A pod that counts without \p replica_label is a unit with a problem.
std::vector<Unit> UnitsOf(const model::WorkloadView& view, const std::string& replica_label);

}  // namespace kgs::decision
