// SPDX-License-Identifier: Apache-2.0
#include "gpu/plausible.h"

namespace kgs::gpu {
namespace {

using model::MetricId;
using model::Reading;

constexpr double kBytesPerMib = 1024.0 * 1024.0;
constexpr double kColdestCelsius = -100;
constexpr double kHottestCelsius = 250;
constexpr double kMostWatts = 100'000;

Reading InMib(const Bytes& bytes, base::SteadyTime taken) {
  if (!bytes.value) return bytes.absent;
  return Reading::Value(static_cast<double>(*bytes.value) / kBytesPerMib, taken);
}

}  // namespace

model::Readings AllAbsent(model::Missing reason, const std::string& detail) {
  model::Readings readings;
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    readings[static_cast<MetricId>(i)] = Reading::Absent(reason, detail);
  }
  return readings;
}

Reading NonsenseReading(const char* call, const std::string& what) {
  return Reading::Absent(model::Missing::kDriverError,
                         std::string(call) + ": the driver answered " + what);
}

Reading PercentReading(const char* call, uint64_t percent, base::SteadyTime taken) {
  if (percent > 100) return NonsenseReading(call, "a utilization outside 0..100");
  return Reading::Value(static_cast<double>(percent), taken);
}

Reading PowerReading(const char* call, double watts, base::SteadyTime taken) {
  if (watts > kMostWatts) return NonsenseReading(call, "more than 100 kW");
  return Reading::Value(watts, taken);
}

Reading TemperatureReading(const char* call, double celsius, base::SteadyTime taken) {
  if (celsius < kColdestCelsius || celsius > kHottestCelsius) {
    return NonsenseReading(call, "a temperature outside -100..250 C");
  }
  return Reading::Value(celsius, taken);
}

void SetMemory(const Bytes& used, const Bytes& total, base::SteadyTime taken,
               model::Readings& readings) {
  Reading& used_mib = readings[MetricId::kMemoryUsedMib];
  Reading& total_mib = readings[MetricId::kMemoryTotalMib];
  Reading& percent = readings[MetricId::kMemoryUsedPercent];
  used_mib = InMib(used, taken);
  total_mib = InMib(total, taken);
  if (total.value && *total.value == 0) {
    used_mib = total_mib = percent = NonsenseReading(total.call, "a total of 0");
  } else if (!used.value || !total.value) {
    percent = used.value ? total.absent : used.absent;
  } else if (*used.value > *total.value) {
    used_mib = total_mib = percent = NonsenseReading(used.call, "more used than there is");
  } else {
    percent = Reading::Value(
        100.0 * static_cast<double>(*used.value) / static_cast<double>(*total.value), taken);
  }
}

}  // namespace kgs::gpu
