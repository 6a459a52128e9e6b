// SPDX-License-Identifier: Apache-2.0
//
// The cases that an answer can be: docs/decisions.md has each with an example.
#pragma once

#include <cstddef>
#include <string_view>

namespace kgs::decision {

enum class Branch {
  // A number.

  /// R = 0.
  kNoReplicas,
  /// Level: every replica that is wanted is measured.
  kAllMeasured,
  /// Level: some are missing, and those measured are above the target.
  kMissingAboveTarget,
  /// Level: some are missing, and those measured are at or under the target.
  kMissingUnderTarget,
  /// Demand: the sum.
  kDemand,
  /// Demand: the sum, in which lost pods count as the target.
  kDemandPartlyLost,
  /// Held: no pod has been Ready yet.
  kAllLoading,
  /// Held, metric type Value: the HPA multiplies by the pods that are Ready, and none is now.
  kNoneReady,
  /// Held: too few readings are fresh, for less than holdSeconds.
  kBlindHeld,
  /// Scope node or cluster: the aggregate as it is.
  kWhole,
  /// Scope node or cluster: the aggregate times the replicas.
  kWholeTimesReplicas,

  // An error.

  /// Too few readings are fresh, for longer than holdSeconds; or the node cannot be read.
  kBlind,
  /// What Kubernetes does not say: the target is not found, the API server is out of reach.
  kNoWorkload,
  /// A pod has no such GPU as gpuIndex names.
  kNoSuchGpu,
  /// scalingModifiers: a pod is missing, and a formula has no term that holds.
  kFormulaIncomplete,
  /// The trigger contradicts itself, its object or what is there.
  kInvalid,
};
inline constexpr size_t kBranchCount = 16;
inline constexpr Branch kFirstError = Branch::kBlind;

/// "missing_above_target".
std::string_view BranchName(Branch branch);

}  // namespace kgs::decision
