// SPDX-License-Identifier: Apache-2.0
//
// The part of Combine that is about endpoints, and about which engine is meant: a key may say both.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/dialect.h"
#include "trigger/metric.h"
#include "trigger/settings.h"
#include "trigger/trigger.h"

namespace kgs::trigger {

/// The entry of the key that says which engine it is (engine, vllmEndpoint, ...), its value
/// accepted or not. Null where none does.
const Entry* EngineEntry(const Settings& settings);
/// Which one that is; null where none is said, or none that is known.
const engine::Dialect* ChosenEngine(const Settings& settings);

/// Where the page of \p metric is unless a key says so.
std::string DefaultPath(const Settings& settings, const Metric& metric);

bool IsEndpointGiven(const Settings& settings);

/// What of the keys does not go together with \p metric, which the trigger scales on. Appends to
/// \p errors and \p warnings.
void CheckEndpointKeys(const Settings& settings, const Metric& metric,
                       std::vector<std::string>& errors, std::vector<std::string>& warnings);

/// Where \p metric, which is one of engines, is read; nothing where that is at each pod.
std::optional<EngineEndpoint> EndpointOf(const Settings& settings, const Metric& metric);

/// Whether anything of it came from the environment.
bool IsEndpointHidden(const Settings& settings);

}  // namespace kgs::trigger
