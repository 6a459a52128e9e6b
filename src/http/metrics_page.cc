// SPDX-License-Identifier: Apache-2.0
#include "http/metrics_page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "base/build_info.h"
#include "base/strings.h"
#include "catalogue/metrics.h"
#include "http/device_metrics.h"
#include "http/fleet_metrics.h"
#include "http/page_builder.h"

namespace kgs::http {
namespace {

using model::MetricId;
using Labels = PageBuilder::Labels;
using MetricType = PageBuilder::Type;

constexpr double kBytesPerKib = 1024;
constexpr double kBytesPerMib = 1024 * 1024;

/// A reading's family. Prometheus wants base units, so MiB become bytes.
struct ReadingRow {
  MetricId id;
  const char* name;
  double factor;
  const char* help;
};

constexpr std::array<ReadingRow, 14> kReadingRows = {{
    {MetricId::kGpuUtilization, "gpu_utilization_percent", 1,
     "Share of the time in which at least one kernel was running."},
    {MetricId::kMemoryUtilization, "gpu_memory_utilization_percent", 1,
     "Share of the time in which device memory was being read or written."},
    {MetricId::kMemoryUsedMib, "gpu_memory_used_bytes", kBytesPerMib, "Device memory in use."},
    {MetricId::kMemoryTotalMib, "gpu_memory_total_bytes", kBytesPerMib, "Device memory installed."},
    {MetricId::kTemperature, "gpu_temperature_celsius", 1, "Temperature of the GPU."},
    {MetricId::kPowerDraw, "gpu_power_draw_watts", 1, "Power drawn by the GPU."},
    {MetricId::kSmUtilization, "gpu_sm_utilization_percent", 1,
     "Share of the streaming multiprocessors that were busy, over time."},
    {MetricId::kSmOccupancy, "gpu_sm_occupancy_percent", 1,
     "Warps that were resident as a share of what the streaming multiprocessors can hold."},
    {MetricId::kTensorUtilization, "gpu_tensor_utilization_percent", 1,
     "Share of the time in which the tensor cores were busy."},
    {MetricId::kDramBandwidthUtilization, "gpu_dram_bandwidth_utilization_percent", 1,
     "Memory bandwidth in use as a share of what there is."},
    {MetricId::kPcieTxKbps, "gpu_pcie_tx_bytes_per_second", kBytesPerKib,
     "Sent by the GPU over PCIe."},
    {MetricId::kPcieRxKbps, "gpu_pcie_rx_bytes_per_second", kBytesPerKib,
     "Received by the GPU over PCIe."},
    {MetricId::kNvlinkTxMbps, "gpu_nvlink_tx_bytes_per_second", kBytesPerMib,
     "Data sent by the GPU over NVLink."},
    {MetricId::kNvlinkRxMbps, "gpu_nvlink_rx_bytes_per_second", kBytesPerMib,
     "Data received by the GPU over NVLink."},
}};

/// What a MIG device has in common with its GPU is on the GPU's series alone: a sum over all series
/// would count it again.
bool IsItsGpus(const model::GpuSnapshot& gpu, MetricId metric) {
  return gpu.identity.mig && !catalogue::MetricOf(metric).of_instance;
}

void AddReadings(const NodeMetrics& node, base::SteadyTime now, PageBuilder& page) {
  for (const ReadingRow& row : kReadingRows) {
    page.Family(row.name, MetricType::Gauge, row.help);
    for (const model::GpuSnapshot& gpu : node.snapshot->gpus) {
      const model::Reading& reading = gpu.readings[row.id];
      if (gpu.state == model::DeviceState::kLost || IsItsGpus(gpu, row.id)) continue;
      if (!reading.FreshAt(now, node.max_reading_age)) continue;
      page.Gauge(GpuLabels(gpu.identity), reading.value() * row.factor);
    }
  }
}

// Shown for stale readings too: there the age is the one thing worth seeing.
void AddReadingAges(const NodeMetrics& node, base::SteadyTime now, PageBuilder& page) {
  page.Family("gpu_reading_age_seconds", MetricType::Gauge,
              "Time since the driver was asked for the last reading there is, stale or not.");
  for (const model::GpuSnapshot& gpu : node.snapshot->gpus) {
    if (gpu.state == model::DeviceState::kLost) continue;
    for (const catalogue::Metric& metric : catalogue::Metrics()) {
      const model::Reading& reading = gpu.readings[metric.id];
      if (!reading.has_value() || IsItsGpus(gpu, metric.id)) continue;
      Labels labels = GpuLabels(gpu.identity);
      labels.push_back({"metric", std::string(metric.name)});
      page.Gauge(std::move(labels), std::max(base::Seconds(now - reading.taken()), 0.0));
    }
  }
}

/// Of GPUs that are read by process. What is not known has no series; nor has a pod that uses
/// nothing, of which the agent does not know.
void AddPodUses(const NodeMetrics& node, base::SteadyTime now, PageBuilder& page) {
  const auto each = [&](std::string model::PodUses::* problem, const auto& taken, const auto& add) {
    for (const model::GpuSnapshot& gpu : node.snapshot->gpus) {
      if (gpu.state != model::DeviceState::kPresent || !gpu.pod_uses) continue;
      const model::PodUses& uses = *gpu.pod_uses;
      if (!(uses.*problem).empty() || now - taken(uses) > node.max_reading_age) continue;
      for (const model::PodUse& use : uses.pods) {
        add(Labels{{"gpu_uuid", base::ReplaceInvalidUtf8(gpu.identity.uuid)},
                   {"pod_uid", use.pod_uid}},
            use);
      }
    }
  };
  page.Family("pod_gpu_utilization_percent", MetricType::Gauge,
              "Share of a GPU's time that the processes of a pod used.");
  const auto utilization_taken = [](const model::PodUses& uses) { return uses.UtilizationTaken(); };
  each(&model::PodUses::utilization_problem, utilization_taken,
       [&](Labels labels, const model::PodUse& use) {
         page.Gauge(std::move(labels), use.utilization);
       });
  page.Family("pod_gpu_memory_used_bytes", MetricType::Gauge,
              "Memory of a GPU that the processes of a pod used.");
  const auto memory_taken = [](const model::PodUses& uses) { return uses.taken; };
  each(&model::PodUses::memory_problem, memory_taken, [&](Labels labels, const model::PodUse& use) {
    if (use.memory_mib) page.Gauge(std::move(labels), *use.memory_mib * kBytesPerMib);
  });
}

void AddSampling(const telemetry::SamplingCounters& sampling, PageBuilder& page) {
  page.Family("collections_total", MetricType::Counter, "Sampling rounds over all GPUs.");
  page.Counter({}, sampling.collections);
  page.Family("collection_errors_total", MetricType::Counter,
              "Sampling rounds in which something that should have answered did not.");
  page.Counter({}, sampling.collection_errors);
  page.Family("collection_duration_seconds", MetricType::Histogram,
              "From asking the first GPU to the last answer of a sampling round.");
  page.Histogram(sampling.collection_duration);
  page.Family("driver_opens_total", MetricType::Counter,
              "Sessions opened with a driver, the first included.");
  page.Counter({}, sampling.driver_opens);
}

void AddScaler(const telemetry::ScalerCounters& scaler, PageBuilder& page) {
  const auto by_method = [&](const auto& counters) {
    for (size_t i = 0; i < telemetry::kMethodNames.size(); ++i) {
      page.Counter({{"method", std::string(telemetry::kMethodNames[i])}}, counters[i]);
    }
  };
  page.Family("scaler_requests_total", MetricType::Counter, "Calls of KEDA's ExternalScaler.");
  by_method(scaler.requests);
  page.Family("scaler_request_errors_total", MetricType::Counter,
              "Calls of KEDA's ExternalScaler that ended in an error.");
  by_method(scaler.errors);
  page.Family("open_streams", MetricType::Gauge, "Streams that KEDA holds open.");
  page.Gauge({}, static_cast<double>(scaler.open_streams.load()));
  page.Family("limit_exceeded_total", MetricType::Counter,
              "What was beyond a limit: refused, or, of the decision history, forgotten.");
  for (size_t i = 0; i < telemetry::kLimitNames.size(); ++i) {
    page.Counter({{"limit", std::string(telemetry::kLimitNames[i])}}, scaler.limits.exceeded[i]);
  }
}

void AddTls(const std::vector<TlsMetrics>& tls, PageBuilder& page) {
  if (tls.empty()) return;
  page.Family("tls_certificate_expiry_timestamp_seconds", MetricType::Gauge,
              "When the certificate of a port ends, in seconds since 1970.");
  for (const TlsMetrics& one : tls) {
    if (one.expires) page.Gauge({{"of", one.of}}, static_cast<double>(*one.expires));
  }
  page.Family("tls_reload_failures_total", MetricType::Counter,
              "Readings of certificate files that could not be used; what was there before is.");
  for (const TlsMetrics& one : tls) page.Counter({{"of", one.of}}, *one.reload_failures);
}

}  // namespace

Page MetricsPage(const MetricsInput& input) {
  PageBuilder page;
  page.Family("build_info", MetricType::Gauge, "Always 1; the label names the version.");
  page.Gauge({{"version", std::string(base::Version())}}, 1);
  if (input.node) {
    const NodeMetrics& node = *input.node;
    page.Family("blind", MetricType::Gauge, "1 while no GPU has a reading that can be served.");
    page.Gauge({}, node.why_blind.empty() ? 0 : 1);
    if (node.snapshot != nullptr) {
      AddReadings(node, input.now, page);
      AddReadingAges(node, input.now, page);
      AddPodUses(node, input.now, page);
      AddDevices(*node.snapshot, page);
      AddGpuHealth(*node.snapshot, page);
    }
    AddSampling(*node.sampling, page);
    AddDriverCalls(node.driver_calls, page);
    if (node.pods) AddPods(*node.pods, input.now, page);
    if (node.scrapes) AddScrapes(*node.scrapes, page);
  }
  if (input.publisher) AddPublisher(*input.publisher, page);
  if (input.receiver) AddReceiver(*input.receiver, page);
  if (input.kubernetes) {
    AddKubernetes(*input.kubernetes, input.now, page);
    AddTriggers(input.kubernetes->triggers, page);
  }
  if (input.endpoints) AddEndpoints(*input.endpoints, page);
  if (input.scaler != nullptr) AddScaler(*input.scaler, page);
  AddTls(input.tls, page);
  return page.Build();
}

}  // namespace kgs::http
