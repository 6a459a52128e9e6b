// SPDX-License-Identifier: Apache-2.0
//
// Readings of what was answered. Numbers that cannot be are absent readings: a driver that answers
// them is not to be believed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "model/reading.h"

namespace kgs::gpu {

/// 1 TB/s: far above any PCIe link.
constexpr double kMostPcieBytesPerSecond = 1e12;

/// Every metric absent, for \p reason.
model::Readings AllAbsent(model::Missing reason, const std::string& detail);

/// "rsmi_dev_busy_percent_get: the driver answered a utilization outside 0..100".
model::Reading NonsenseReading(const char* call, const std::string& what);

/// Percent.
model::Reading PercentReading(const char* call, uint64_t percent, base::SteadyTime taken);
/// Watts.
model::Reading PowerReading(const char* call, double watts, base::SteadyTime taken);
/// Degrees Celsius.
model::Reading TemperatureReading(const char* call, double celsius, base::SteadyTime taken);

/// An amount of memory as it was answered.
struct Bytes {
  const char* call = "";
  /// Nothing where there is none; then absent says why.
  std::optional<uint64_t> value;
  model::Reading absent;
};
/// Sets the three readings of memory.
void SetMemory(const Bytes& used, const Bytes& total, base::SteadyTime taken,
               model::Readings& readings);

}  // namespace kgs::gpu
