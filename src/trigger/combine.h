// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "trigger/settings.h"
#include "trigger/trigger.h"

namespace kgs::trigger {

/// Puts the keys together: explicit keys over shorthands over the profile over the defaults, by the
/// rules in the head of trigger.h. Appends to \p errors what contradicts itself or would have to be
/// guessed, and to \p warnings what has no effect. A key whose value was not accepted counts as
/// given: its error is already told, and nothing that follows from it is. The specs, never none,
/// are of use only where there are no errors.
std::vector<TriggerSpec> Combine(const Settings& settings, std::vector<std::string>& errors,
                                 std::vector<std::string>& warnings);

}  // namespace kgs::trigger
