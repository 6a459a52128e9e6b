// SPDX-License-Identifier: Apache-2.0
#include "gpu/simulated/scenario.h"

#include <algorithm>

namespace kgs::gpu::simulated {
namespace {

using model::MetricId;
using model::Missing;
using model::Reading;

Reading ReadingAt(const Quantity& quantity, base::Duration time, base::SteadyTime taken) {
  if (const auto* curve = std::get_if<Curve>(&quantity)) {
    return Reading::Value(ValueAt(*curve, time), taken);
  }
  if (const auto* failed = std::get_if<Failed>(&quantity)) {
    return Reading::Absent(Missing::kDriverError, "simulated: " + failed->reason);
  }
  return Reading::Absent(Missing::kUnsupported, "simulated: not supported");
}

// As a driver's user would compute it: nothing without both, and the used memory's reason first.
Reading UsedPercent(const Reading& used, const Reading& total) {
  if (!used.has_value()) return used;
  if (!total.has_value()) return total;
  return Reading::Value(std::min(100 * used.value() / total.value(), 100.0), used.taken());
}

bool SameGpu(const SimulatedGpu& a, const SimulatedGpu& b) {
  return a.identity.index == b.identity.index && a.identity.uuid == b.identity.uuid &&
         a.identity.name == b.identity.name && a.identity.minor_number == b.identity.minor_number &&
         a.identity.pci_bus_id == b.identity.pci_bus_id;
}

}  // namespace

bool LostAt(const SimulatedGpu& gpu, base::Duration time) {
  return gpu.lost.has_value() && gpu.lost->from <= time && time < gpu.lost->until;
}

DeviceSample SampleAt(const SimulatedGpu& gpu, base::Duration time, base::SteadyTime taken) {
  DeviceSample sample;
  if (LostAt(gpu, time)) {
    sample.state = model::DeviceState::kLost;
    sample.state_reason = kLostReason;
    return sample;
  }
  model::Readings& readings = sample.readings;
  readings[MetricId::kGpuUtilization] = ReadingAt(gpu.gpu_utilization, time, taken);
  readings[MetricId::kMemoryUtilization] = ReadingAt(gpu.memory_utilization, time, taken);
  readings[MetricId::kMemoryUsedMib] = ReadingAt(gpu.memory_used_mib, time, taken);
  readings[MetricId::kMemoryTotalMib] =
      gpu.memory_total_mib ? Reading::Value(*gpu.memory_total_mib, taken)
                           : Reading::Absent(Missing::kUnsupported, "simulated: not supported");
  readings[MetricId::kMemoryUsedPercent] =
      UsedPercent(readings[MetricId::kMemoryUsedMib], readings[MetricId::kMemoryTotalMib]);
  readings[MetricId::kTemperature] = ReadingAt(gpu.temperature, time, taken);
  readings[MetricId::kPowerDraw] = ReadingAt(gpu.power_draw, time, taken);
  return sample;
}

bool SameIdentities(const Scenario& a, const Scenario& b) {
  return std::equal(a.gpus.begin(), a.gpus.end(), b.gpus.begin(), b.gpus.end(), SameGpu);
}

}  // namespace kgs::gpu::simulated
