// SPDX-License-Identifier: Apache-2.0
#include "decision/finish.h"

#include <utility>

namespace kgs::decision {
namespace {

/// Whether the value may be made of the target.
bool TellsTarget(const Decision& decision) {
  switch (decision.branch) {
    case Branch::kNoReplicas:
    case Branch::kWhole:
    case Branch::kWholeTimesReplicas:
      return false;
    case Branch::kAllMeasured:
    case Branch::kDemand:
      return decision.preallocated > 0 || decision.loading > 0;
    default:
      return true;
  }
}

}  // namespace

void Fail(Decision& decision, Branch branch, absl::Status status) {
  decision.branch = branch;
  decision.value = status;
  decision.active = std::move(status);
}

void Finish(const trigger::TriggerSpec& spec, Decision& decision) {
  if (spec.target_hidden && decision.value.ok() && TellsTarget(decision)) {
    decision.value_hidden = true;
    decision.formula = "not shown, since the target comes from the environment";
  }
  if (spec.always_active && decision.branch != Branch::kInvalid) {
    decision.active = true;
    decision.active_why = "the profile is always active";
  }
}

}  // namespace kgs::decision
