// SPDX-License-Identifier: Apache-2.0
//
// The part of Combine that is about what wakes a workload.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trigger/settings.h"
#include "trigger/trigger.h"

namespace kgs::trigger {

/// What of the keys does not go together. Appends to \p errors and \p warnings.
void CheckWakeKeys(const Settings& settings, const TriggerSpec& spec,
                   std::vector<std::string>& errors, std::vector<std::string>& warnings);

/// Nothing where no key asks for it, or not whole.
std::optional<Wake> WakeOf(const Settings& settings);

}  // namespace kgs::trigger
