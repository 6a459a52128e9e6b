// SPDX-License-Identifier: Apache-2.0
//
// What node_bench found, as JSON and as a table. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "bench/measure.h"

namespace kgs::bench {

/// Keys: docs/benchmarks.md. Medians over the rounds; a ratio is the median of the rounds' ratios.
nlohmann::ordered_json Report(const Measurements& measurements, bool quick);

/// The figures of \p report with the goal beside each.
std::string Table(const nlohmann::ordered_json& report);

}  // namespace kgs::bench
