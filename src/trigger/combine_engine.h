// SPDX-License-Identifier: Apache-2.0
//
// The part of Combine that is about engines.
#pragma once

#include <string>
#include <vector>

#include "trigger/metric.h"
#include "trigger/settings.h"
#include "trigger/trigger.h"

namespace kgs::trigger {

/// What of the keys does not go together with \p metric, which \p spec scales on. Appends to
/// \p errors and \p warnings.
void CheckEngineKeys(const Settings& settings, const Metric& metric, const TriggerSpec& spec,
                     std::vector<std::string>& errors, std::vector<std::string>& warnings);

/// \p metric, which is one of engines, as the keys have it asked.
EngineMetric EngineMetricOf(const Settings& settings, const Metric& metric);

/// Whether anything of what engines are asked came from the environment.
bool IsEngineHidden(const Settings& settings);

}  // namespace kgs::trigger
