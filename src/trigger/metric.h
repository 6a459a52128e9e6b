// SPDX-License-Identifier: Apache-2.0
//
// What can stand as metricType: a metric of GPUs, one of an engine, or a series of the user's own.
// Pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "catalogue/metrics.h"
#include "engine/dialect.h"

namespace kgs::trigger {

/// The metricType of a series that the user names.
inline constexpr std::string_view kPrometheus = "prometheus";

/// What a metricType means. All that it refers to lives for ever.
struct Metric {
  std::string_view name;
  /// Empty where only the user knows.
  std::string_view unit;
  /// Of a metric of GPUs; else null.
  const catalogue::Metric* device = nullptr;
  // Of a preset's metric; else null.
  const engine::Dialect* dialect = nullptr;
  const engine::Signal* signal = nullptr;

  bool of_engine() const { return device == nullptr; }
};

std::optional<Metric> FindMetric(std::string_view metric_type);

/// Of GPUs, of engines and prometheus, in the order of the documents.
std::vector<std::string_view> MetricTypeNames();

/// Of an engine's metric that is 0, or says nothing, while requests run (a queue, a cache, a time):
/// the metric that says whether the engine works at all. Else nothing.
std::optional<Metric> LoadOf(const Metric& metric);

}  // namespace kgs::trigger
