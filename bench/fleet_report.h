// SPDX-License-Identifier: Apache-2.0
//
// What fleet_bench found, as JSON and as a table.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/fleet_measure.h"

namespace kgs::bench {

/// One entry a size, the smallest first; keys: docs/benchmarks.md. Medians over the rounds; a ratio
/// is the median of the rounds' ratios.
nlohmann::ordered_json FleetReport(const std::vector<FleetMeasurements>& fleets, bool quick);

/// The figures of \p report with the goal beside each.
std::string FleetTable(const nlohmann::ordered_json& report);

}  // namespace kgs::bench
