// SPDX-License-Identifier: Apache-2.0
#include "catalogue/metrics.h"

namespace kgs::catalogue {
namespace {

using model::MetricId;

constexpr std::string_view kOneCall = "one call";
constexpr std::string_view kGpm = "NVIDIA from Hopper on: GPM; MIG devices too";
constexpr std::string_view kGpmCost = "one GPM sample for all GPM metrics";
constexpr std::string_view kPcie =
    "NVIDIA from Hopper on: GPM; before: 64-bit byte counters where the driver has them, else "
    "nvmlDeviceGetPcieThroughput";
constexpr std::string_view kPcieCost =
    "with GPM or counters none of its own; else a call that blocks for 20 ms, on a thread of its "
    "own and only while a trigger or --always-read asks";
constexpr std::string_view kNvlink =
    "NVIDIA from Hopper on: GPM; before: the counters of data sent and received, over all links";
constexpr std::string_view kNvlinkCost = "with GPM none of its own; else one call for all counters";

constexpr Metric kMetrics[] = {
    {MetricId::kGpuUtilization, "gpu_utilization", "percent", Kind::kLevel, false, true, true,
     "Share of the time in which at least one kernel was running",
     "NVIDIA: the driver's samples, MIG devices from Hopper on by GPM; AMD: busy percent",
     "two calls"},
    {MetricId::kMemoryUtilization, "memory_utilization", "percent", Kind::kLevel, false, true, true,
     "Share of the time in which device memory was being read or written; not how full it is",
     "NVIDIA: the driver's samples, not of MIG devices; AMD: memory busy percent", "two calls"},
    {MetricId::kMemoryUsedMib, "memory_used_mib", "MiB", Kind::kDemand, true, true, true,
     "Device memory in use", "NVIDIA, MIG devices too; AMD: VRAM", kOneCall},
    {MetricId::kMemoryTotalMib, "memory_total_mib", "MiB", Kind::kDemand, false, false, true,
     "Device memory installed", "NVIDIA, MIG devices too; AMD: VRAM", kOneCall},
    {MetricId::kMemoryUsedPercent, "memory_used_percent", "percent", Kind::kLevel, true, true, true,
     "Device memory in use as a share of the memory installed",
     "NVIDIA, MIG devices too; AMD: VRAM", "none of its own"},
    {MetricId::kTemperature, "temperature", "celsius", Kind::kLevel, false, true, false,
     "Temperature of the GPU", "NVIDIA: the GPU die; AMD: edge, else junction", kOneCall},
    {MetricId::kPowerDraw, "power_draw", "watts", Kind::kDemand, false, true, false,
     "Power drawn by the GPU",
     "NVIDIA: the mean of a second from Ampere on, but for GA100; else the present; AMD: present "
     "or average",
     kOneCall},
    {MetricId::kSmUtilization, "sm_utilization", "percent", Kind::kLevel, false, true, true,
     "Share of the streaming multiprocessors that were busy, over time", kGpm, kGpmCost},
    {MetricId::kSmOccupancy, "sm_occupancy", "percent", Kind::kLevel, false, true, true,
     "Warps that were resident as a share of what the streaming multiprocessors can hold", kGpm,
     kGpmCost},
    {MetricId::kTensorUtilization, "tensor_utilization", "percent", Kind::kLevel, false, true, true,
     "Share of the time in which the tensor cores were busy", kGpm, kGpmCost},
    {MetricId::kDramBandwidthUtilization, "dram_bandwidth_utilization", "percent", Kind::kLevel,
     false, true, true, "Memory bandwidth in use as a share of what there is", kGpm, kGpmCost},
    {MetricId::kPcieTxKbps, "pcie_tx_kbps", "KiB/s", Kind::kDemand, false, true, false,
     "Sent by the GPU over PCIe", kPcie, kPcieCost},
    {MetricId::kPcieRxKbps, "pcie_rx_kbps", "KiB/s", Kind::kDemand, false, true, false,
     "Received by the GPU over PCIe", kPcie, kPcieCost},
    {MetricId::kNvlinkTxMbps, "nvlink_tx_mbps", "MiB/s", Kind::kDemand, false, true, false,
     "Data sent by the GPU over NVLink", kNvlink, kNvlinkCost},
    {MetricId::kNvlinkRxMbps, "nvlink_rx_mbps", "MiB/s", Kind::kDemand, false, true, false,
     "Data received by the GPU over NVLink", kNvlink, kNvlinkCost},
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
