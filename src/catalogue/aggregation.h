// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace kgs::catalogue {

/// How the readings of several GPUs become one number.
enum class Aggregation { kMax, kMin, kAvg, kSum, kP95, kP99 };

/// As metadata key aggregation: "max", "min", "avg", "sum", "p95", "p99".
std::string_view AggregationName(Aggregation aggregation);
std::optional<Aggregation> FindAggregation(std::string_view name);
std::vector<std::string_view> AggregationNames();

/// Percentiles are nearest rank: the smallest value with at least that share of values at or below
/// it. NaN where there is no value, or one that is not finite: no caller may serve that, and max,
/// min and percentiles would pass over it.
double Aggregate(Aggregation aggregation, std::span<const double> values);

}  // namespace kgs::catalogue
