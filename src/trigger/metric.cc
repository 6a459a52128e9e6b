// SPDX-License-Identifier: Apache-2.0
#include "trigger/metric.h"

#include <algorithm>
#include <string>

#include "engine/dialects.h"

namespace kgs::trigger {
namespace {

// Behind an engine's name, as every preset of an LLM engine has them, and some gateways.
constexpr std::string_view kDemand = "_demand";
constexpr std::string_view kSilentWhileRequestsRun[] = {
    "_queue_depth",        "_queue_size",      "_queued_requests", "_running",
    "_average_queue_size", "_average_running", "_kv_cache_usage",  "_ttft_p95_ms"};

}  // namespace

std::optional<Metric> FindMetric(std::string_view metric_type) {
  if (const catalogue::Metric* device = catalogue::FindScalableMetric(metric_type)) {
    return Metric{device->name, device->unit, device};
  }
  const auto [dialect, signal] = engine::FindSignal(metric_type);
  if (signal != nullptr) return Metric{signal->name, signal->unit, nullptr, dialect, signal};
  if (metric_type == kPrometheus) return Metric{kPrometheus, ""};
  return std::nullopt;
}

std::vector<std::string_view> MetricTypeNames() {
  std::vector<std::string_view> names;
  for (const catalogue::Metric& metric : catalogue::Metrics()) {
    if (metric.scalable) names.push_back(metric.name);
  }
  for (const auto list : {engine::Dialects(), engine::Gateways()}) {
    for (const engine::Dialect* dialect : list) {
      for (const engine::Signal& signal : dialect->signals) names.push_back(signal.name);
    }
  }
  names.push_back(kPrometheus);
  return names;
}

std::optional<Metric> LoadOf(const Metric& metric) {
  if (metric.dialect == nullptr) return std::nullopt;
  const std::string_view kind = metric.name.substr(metric.dialect->name.size());
  const bool silent =
      std::find(std::begin(kSilentWhileRequestsRun), std::end(kSilentWhileRequestsRun), kind) !=
      std::end(kSilentWhileRequestsRun);
  return silent ? FindMetric(metric.dialect->name + std::string(kDemand)) : std::nullopt;
}

}  // namespace kgs::trigger
