// SPDX-License-Identifier: Apache-2.0
//
// Whether a workload has load. Compares single readings, never the number for the HPA: going to
// zero is the one step that cannot be taken back in time, so whatever is not known to be idle keeps
// the workload up. Pure.
#pragma once

#include <string>

#include "decision/history.h"
#include "decision/sight.h"

namespace kgs::decision {

struct Activity {
  bool active;
  /// "pod default/web-0 at 45 is above 5".
  std::string why;
};

/// Of a workload whose number is known. False for no replicas, and where every replica is known and
/// was idle for the whole of ActivityWindow.
Activity ActivityOf(const trigger::TriggerSpec& spec, const model::WorkloadView& view,
                    const Sight& sight, const History& history, base::SteadyTime now);

}  // namespace kgs::decision
