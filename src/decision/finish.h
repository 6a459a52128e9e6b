// SPDX-License-Identifier: Apache-2.0
//
// What every decision ends with, whatever it rests on.
#pragma once

#include <absl/status/status.h>

#include "decision/decision.h"

namespace kgs::decision {

/// Neither a number nor an activity, for that reason.
void Fail(Decision& decision, Branch branch, absl::Status status);

/// Hides a value that tells a target which came from the environment, and keeps an always active
/// profile active whatever the number is.
void Finish(const trigger::TriggerSpec& spec, Decision& decision);

}  // namespace kgs::decision
