// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace kgs::model {

/// What is read of one GPU. Names, units and ranges stand in catalogue/metrics.cc.
enum class MetricId {
  kGpuUtilization,
  kMemoryUtilization,
  kMemoryUsedMib,
  kMemoryTotalMib,
  kMemoryUsedPercent,
  kTemperature,
  kPowerDraw,
};
inline constexpr size_t kMetricCount = 7;

inline constexpr size_t Index(MetricId metric) { return static_cast<size_t>(metric); }

}  // namespace kgs::model
