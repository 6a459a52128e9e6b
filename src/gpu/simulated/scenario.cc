// SPDX-License-Identifier: Apache-2.0
#include "gpu/simulated/scenario.h"

#include <algorithm>

namespace kgs::gpu::simulated {
namespace {

using model::MetricId;
using model::Missing;
using model::Reading;

constexpr double kMostPower = 10'000;
constexpr double kMostKbps = 1e9;
constexpr double kMostMbps = 1e7;

constexpr QuantityRow kQuantities[] = {
    {MetricId::kGpuUtilization, "gpu_utilization", 100, "percent"},
    {MetricId::kMemoryUtilization, "memory_utilization", 100, "percent"},
    {MetricId::kMemoryUsedMib, "memory_used_mib", kMostMemoryMib, "MiB"},
    {MetricId::kTemperature, "temperature", 200, "celsius"},
    {MetricId::kPowerDraw, "power_draw", kMostPower, "watts"},
    {MetricId::kSmUtilization, "sm_utilization", 100, "percent"},
    {MetricId::kSmOccupancy, "sm_occupancy", 100, "percent"},
    {MetricId::kTensorUtilization, "tensor_utilization", 100, "percent"},
    {MetricId::kDramBandwidthUtilization, "dram_bandwidth_utilization", 100, "percent"},
    {MetricId::kPcieTxKbps, "pcie_tx_kbps", kMostKbps, "KiB/s"},
    {MetricId::kPcieRxKbps, "pcie_rx_kbps", kMostKbps, "KiB/s"},
    {MetricId::kNvlinkTxMbps, "nvlink_tx_mbps", kMostMbps, "MiB/s"},
    {MetricId::kNvlinkRxMbps, "nvlink_rx_mbps", kMostMbps, "MiB/s"},
};

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

std::span<const QuantityRow> Quantities() { return kQuantities; }

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
  for (const QuantityRow& row : kQuantities) {
    readings[row.metric] = ReadingAt(gpu.quantities[model::Index(row.metric)], time, taken);
  }
  readings[MetricId::kMemoryTotalMib] =
      gpu.memory_total_mib ? Reading::Value(*gpu.memory_total_mib, taken)
                           : Reading::Absent(Missing::kUnsupported, "simulated: not supported");
  readings[MetricId::kMemoryUsedPercent] =
      UsedPercent(readings[MetricId::kMemoryUsedMib], readings[MetricId::kMemoryTotalMib]);
  return sample;
}

bool SameIdentities(const Scenario& a, const Scenario& b) {
  return std::equal(a.gpus.begin(), a.gpus.end(), b.gpus.begin(), b.gpus.end(), SameGpu);
}

}  // namespace kgs::gpu::simulated
