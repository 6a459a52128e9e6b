// SPDX-License-Identifier: Apache-2.0
#include "decision/branch.h"

namespace kgs::decision {

std::string_view BranchName(Branch branch) {
  switch (branch) {
    case Branch::kNoReplicas:
      return "no_replicas";
    case Branch::kAllMeasured:
      return "all_measured";
    case Branch::kMissingAboveTarget:
      return "missing_above_target";
    case Branch::kMissingUnderTarget:
      return "missing_under_target";
    case Branch::kDemand:
      return "demand";
    case Branch::kDemandPartlyLost:
      return "demand_partly_lost";
    case Branch::kAllLoading:
      return "all_loading";
    case Branch::kNoneReady:
      return "none_ready";
    case Branch::kBlindHeld:
      return "blind_held";
    case Branch::kWhole:
      return "whole";
    case Branch::kWholeTimesReplicas:
      return "whole_times_replicas";
    case Branch::kBlind:
      return "blind";
    case Branch::kNoWorkload:
      return "no_workload";
    case Branch::kNoSuchGpu:
      return "no_such_gpu";
    case Branch::kFormulaIncomplete:
      return "formula_incomplete";
    case Branch::kInvalid:
      return "invalid";
  }
  return "unknown";
}

}  // namespace kgs::decision
