// SPDX-License-Identifier: Apache-2.0
#include "http/device_metrics.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"

namespace kgs::http {

using Labels = PageBuilder::Labels;
using MetricType = PageBuilder::Type;

PageBuilder::Labels GpuLabels(const model::GpuIdentity& gpu) {
  return {{"gpu_index", std::to_string(gpu.index)},
          {"gpu_uuid", base::ReplaceInvalidUtf8(gpu.uuid)},
          {"gpu_name", base::ReplaceInvalidUtf8(gpu.name)}};
}

namespace {

/// What a GPU is, beyond what every series of it says. Prometheus joins by gpu_uuid.
Labels InfoLabels(const model::GpuIdentity& gpu) {
  Labels labels = GpuLabels(gpu);
  const auto number = [&](int model::MigPlace::* member) {
    const int id = gpu.mig ? (*gpu.mig).*member : -1;
    return id < 0 ? "" : std::to_string(id);
  };
  const auto text = [](const std::string& value) { return base::ReplaceInvalidUtf8(value); };
  labels.push_back({"parent_uuid", gpu.mig ? text(gpu.mig->parent_uuid) : ""});
  labels.push_back({"mig_profile", gpu.mig ? text(gpu.mig->profile) : ""});
  labels.push_back({"gpu_instance", number(&model::MigPlace::gpu_instance)});
  labels.push_back({"compute_instance", number(&model::MigPlace::compute_instance)});
  labels.push_back({"pci_bus_id", text(gpu.pci_bus_id)});
  return labels;
}

}  // namespace

void AddDevices(const model::NodeSnapshot& snapshot, PageBuilder& page) {
  const auto& sources = snapshot.sources;
  const auto& gpus = snapshot.gpus;
  // With every driver closed nobody knows how many there are.
  page.Family("gpu_device_count", MetricType::Gauge,
              "GPUs that a driver answers for, without their MIG devices.");
  if (std::any_of(sources.begin(), sources.end(), [](const auto& source) { return source.open; })) {
    page.Gauge({}, static_cast<double>(std::count_if(gpus.begin(), gpus.end(), [](const auto& gpu) {
                 return gpu.state == model::DeviceState::kPresent && !gpu.identity.mig;
               })));
  }
  // MIG devices go with their GPU: one loss is said once, and who counts GPUs counts right.
  page.Family("gpu_lost", MetricType::Gauge,
              "1 for a GPU that the driver says is gone or no longer lists.");
  for (const model::GpuSnapshot& gpu : gpus) {
    if (gpu.identity.mig) continue;
    page.Gauge(GpuLabels(gpu.identity), gpu.state == model::DeviceState::kLost ? 1 : 0);
  }
  page.Family("gpu_call_hung", MetricType::Gauge,
              "1 while a driver call for the GPU has not returned for so long that it counts as "
              "hung.");
  for (const model::GpuSnapshot& gpu : gpus) {
    const bool hangs = !gpu.hung_call.empty() || !gpu.hung_slow_call.empty();
    page.Gauge(GpuLabels(gpu.identity), hangs ? 1 : 0);
  }
  page.Family("driver_open", MetricType::Gauge, "1 while the driver is open.");
  for (const model::SourceHealth& source : sources) {
    if (source.absent) continue;
    page.Gauge({{"backend", source.backend}}, source.open ? 1 : 0);
  }
  page.Family("driver_released", MetricType::Gauge,
              "1 while the driver is let go of, as SIGUSR1 asked.");
  for (const model::SourceHealth& source : sources) {
    if (source.absent) continue;
    page.Gauge({{"backend", source.backend}}, source.released ? 1 : 0);
  }
}

void AddGpuHealth(const model::NodeSnapshot& snapshot, PageBuilder& page) {
  page.Family("gpu_info", MetricType::Gauge,
              "Always 1; the labels say what the GPU is, and of a MIG device where it stands.");
  for (const model::GpuSnapshot& gpu : snapshot.gpus) page.Gauge(InfoLabels(gpu.identity), 1);
  page.Family("gpu_xid_errors_total", MetricType::Counter,
              "XID errors of the GPU that the driver told of, by code.");
  for (const model::GpuSnapshot& gpu : snapshot.gpus) {
    for (const model::XidCount& xid : gpu.health.xids) {
      Labels labels = GpuLabels(gpu.identity);
      labels.push_back({"xid", std::to_string(xid.code)});
      page.Counter(std::move(labels), static_cast<double>(xid.count));
    }
  }
  page.Family("gpu_recovery_action", MetricType::Gauge,
              "1 for what the driver wants to have done to the GPU.");
  for (const model::GpuSnapshot& gpu : snapshot.gpus) {
    if (gpu.health.recovery_action.empty()) continue;
    Labels labels = GpuLabels(gpu.identity);
    labels.push_back({"action", base::ReplaceInvalidUtf8(gpu.health.recovery_action)});
    page.Gauge(std::move(labels), 1);
  }
}

void AddDriverCalls(const std::vector<DriverCallMetrics>& calls, PageBuilder& page) {
  const auto labels = [](const DriverCallMetrics& one) {
    return Labels{{"backend", one.backend}, {"call", one.call}};
  };
  page.Family("driver_calls_total", MetricType::Counter, "Calls of a driver's functions.");
  for (const DriverCallMetrics& one : calls) {
    page.Counter(labels(one), static_cast<double>(one.calls));
  }
  page.Family("driver_call_seconds_total", MetricType::Counter, "What they took.");
  for (const DriverCallMetrics& one : calls) page.Counter(labels(one), one.seconds);
  page.Family("driver_call_longest_seconds", MetricType::Gauge,
              "The longest of them since the process started.");
  for (const DriverCallMetrics& one : calls) page.Gauge(labels(one), one.longest_seconds);
}

}  // namespace kgs::http
