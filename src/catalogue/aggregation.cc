// SPDX-License-Identifier: Apache-2.0
#include "catalogue/aggregation.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace kgs::catalogue {
namespace {

double Max(std::span<const double> values) {
  return *std::max_element(values.begin(), values.end());
}

double Min(std::span<const double> values) {
  return *std::min_element(values.begin(), values.end());
}

// The wider exponent of long double keeps a sum of finite values finite until it is narrowed.
long double WideSum(std::span<const double> values) {
  long double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

double Sum(std::span<const double> values) {
  constexpr long double kLargest = std::numeric_limits<double>::max();
  return static_cast<double>(std::clamp(WideSum(values), -kLargest, kLargest));
}

double Avg(std::span<const double> values) {
  return static_cast<double>(WideSum(values) / static_cast<long double>(values.size()));
}

template <size_t kPercent>
double NearestRank(std::span<const double> values) {
  // In integers: ceil(0.95 * 20) is 20 in floating point.
  const size_t rank = (values.size() * kPercent + 99) / 100;
  std::vector<double> ordered(values.begin(), values.end());
  const auto nth = ordered.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(ordered.begin(), nth, ordered.end());
  return *nth;
}

struct Row {
  Aggregation aggregation;
  std::string_view name;
  double (*aggregate)(std::span<const double> values);
};

constexpr Row kAggregations[] = {
    {Aggregation::kMax, "max", Max},
    {Aggregation::kMin, "min", Min},
    {Aggregation::kAvg, "avg", Avg},
    {Aggregation::kSum, "sum", Sum},
    {Aggregation::kP95, "p95", NearestRank<95>},
    {Aggregation::kP99, "p99", NearestRank<99>},
};

const Row& RowOf(Aggregation aggregation) {
  for (const Row& row : kAggregations) {
    if (row.aggregation == aggregation) return row;
  }
  std::abort();
}

}  // namespace

std::string_view AggregationName(Aggregation aggregation) { return RowOf(aggregation).name; }

std::optional<Aggregation> FindAggregation(std::string_view name) {
  for (const Row& row : kAggregations) {
    if (row.name == name) return row.aggregation;
  }
  return std::nullopt;
}

std::vector<std::string_view> AggregationNames() {
  std::vector<std::string_view> names;
  for (const Row& row : kAggregations) names.push_back(row.name);
  return names;
}

double Aggregate(Aggregation aggregation, std::span<const double> values) {
  const bool finite =
      std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  if (values.empty() || !finite) return std::numeric_limits<double>::quiet_NaN();
  return RowOf(aggregation).aggregate(values);
}

}  // namespace kgs::catalogue
