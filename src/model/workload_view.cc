// SPDX-License-Identifier: Apache-2.0
#include "model/workload_view.h"

namespace kgs::model {

std::string_view UnattributedName(Unattributed reason) {
  switch (reason) {
    case Unattributed::kNone:
      return "known";
    case Unattributed::kNotScheduled:
      return "not_scheduled";
    case Unattributed::kNoAgent:
      return "no_agent";
    case Unattributed::kAgentSilent:
      return "agent_silent";
    case Unattributed::kNoListing:
      return "no_listing";
    case Unattributed::kListedBeforeStart:
      return "listed_before_start";
    case Unattributed::kNoDevice:
      return "no_device";
    case Unattributed::kUnknownDevice:
      return "unknown_device";
  }
  return "";
}

}  // namespace kgs::model
