// SPDX-License-Identifier: Apache-2.0
//
// Whether a workload is wanted, by what stands before it and lives while it has no replica. It adds
// to the activity alone, never to the number.
//
// - R = 0: demand now or within wakeHoldSeconds is active; all read and none is inactive; anything
//   else is an error.
// - R > 0: demand now or within wakeHoldSeconds is active as well; anything else changes nothing.
//
// Pure.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "decision/decision.h"
#include "engine/wake.h"
#include "model/workload_view.h"
#include "trigger/trigger.h"

namespace kgs::decision {

/// What came of asking.
struct WakeSight {
  engine::WakeReading reading;
  base::SteadyTime taken;
  /// When the last page with demand was asked for.
  std::optional<base::SteadyTime> last_demand = std::nullopt;
  /// An older reading is no longer fresh, whatever it is.
  base::Duration max_age{};
};

/// Whether nothing of the workload is there or wanted: then it is asked often.
bool IsAtZero(const model::WorkloadView& view);

/// Adds to \p decision, which is that of \p spec without it, what \p sight says; nothing where it
/// has not been asked yet. For a spec without wake it does nothing.
void AddWake(const trigger::TriggerSpec& spec, const model::WorkloadView& view,
             const std::optional<WakeSight>& sight, base::SteadyTime now, Decision& decision);

}  // namespace kgs::decision
