// SPDX-License-Identifier: Apache-2.0
#include "catalogue/metrics.h"

namespace kgs::catalogue {
namespace {

using model::MetricId;

constexpr Metric kMetrics[] = {
    {MetricId::kGpuUtilization, "gpu_utilization", "percent", Kind::kLevel, false, true,
     "Share of the time in which at least one kernel was running"},
    {MetricId::kMemoryUtilization, "memory_utilization", "percent", Kind::kLevel, false, true,
     "Share of the time in which device memory was being read or written; not how full it is"},
    {MetricId::kMemoryUsedMib, "memory_used_mib", "MiB", Kind::kDemand, true, true,
     "Device memory in use"},
    {MetricId::kMemoryTotalMib, "memory_total_mib", "MiB", Kind::kDemand, false, false,
     "Device memory installed"},
    {MetricId::kMemoryUsedPercent, "memory_used_percent", "percent", Kind::kLevel, true, true,
     "Device memory in use as a share of the memory installed"},
    {MetricId::kTemperature, "temperature", "celsius", Kind::kLevel, false, true,
     "Temperature of the GPU"},
    {MetricId::kPowerDraw, "power_draw", "watts", Kind::kDemand, false, true,
     "Power drawn by the GPU"},
};

constexpr bool InOrderOfMetricId() {
  size_t index = 0;
  for (const Metric& metric : kMetrics) {
    if (model::Index(metric.id) != index++) return false;
  }
  return index == model::kMetricCount;
}
static_assert(InOrderOfMetricId(), "MetricOf takes the id as the row");

}  // namespace

std::span<const Metric> Metrics() { return kMetrics; }

const Metric& MetricOf(MetricId id) { return kMetrics[model::Index(id)]; }

const Metric* FindScalableMetric(std::string_view name) {
  for (const Metric& metric : kMetrics) {
    if (metric.scalable && metric.name == name) return &metric;
  }
  return nullptr;
}

}  // namespace kgs::catalogue
