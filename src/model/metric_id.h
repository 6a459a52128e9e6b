// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
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
  kSmUtilization,
  kSmOccupancy,
  kTensorUtilization,
  kDramBandwidthUtilization,
  kPcieTxKbps,
  kPcieRxKbps,
  kNvlinkTxMbps,
  kNvlinkRxMbps,
};
inline constexpr size_t kMetricCount = 15;

inline constexpr size_t Index(MetricId metric) { return static_cast<size_t>(metric); }

/// Some metrics, by Index.
using MetricSet = std::bitset<kMetricCount>;

}  // namespace kgs::model
