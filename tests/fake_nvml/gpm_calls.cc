// SPDX-License-Identifier: Apache-2.0
//
// The exported functions of GPM. A sample remembers whose it is and when it was taken; what is
// computed from two is what the script says now.
#include <chrono>
#include <optional>
#include <string>

#include "tests/fake_nvml/export.h"

using kgs::fake_nvml::Driver;
using kgs::fake_nvml::GpmScript;
using kgs::fake_nvml::GpuRings;
using kgs::fake_nvml::GpuScript;

FAKE_NVML_EXPORT abi::nvmlGpmQueryDeviceSupport nvmlGpmQueryDeviceSupport;
FAKE_NVML_EXPORT abi::nvmlGpmSampleAlloc nvmlGpmSampleAlloc;
FAKE_NVML_EXPORT abi::nvmlGpmSampleFree nvmlGpmSampleFree;
FAKE_NVML_EXPORT abi::nvmlGpmSampleGet nvmlGpmSampleGet;
FAKE_NVML_EXPORT abi::nvmlGpmMigSampleGet nvmlGpmMigSampleGet;
FAKE_NVML_EXPORT abi::nvmlGpmMetricsGet nvmlGpmMetricsGet;

struct abi::GpmSampleHandle {
  abi::Device device = nullptr;
  std::optional<unsigned int> gpu_instance;
  std::optional<std::chrono::steady_clock::time_point> taken;
};

namespace {

/// Those of the GPU, or of the first MIG device of the instance.
const GpuScript* Measured(const GpuScript& gpu, std::optional<unsigned int> instance) {
  if (!instance) return &gpu;
  for (const GpuScript& mig : gpu.migs) {
    if (gpu.mig_mode == 1 && mig.gpu_instance == static_cast<int64_t>(*instance)) return &mig;
  }
  return nullptr;
}

abi::Return Take(const char* symbol, abi::Device device, std::optional<unsigned int> instance,
                 abi::GpmSample sample) {
  return Driver::Instance().OnGpu(symbol, device, [&](const GpuScript& gpu, GpuRings&) {
    if (gpu.gpm != 1) return abi::kNotSupported;
    if (Measured(gpu, instance) == nullptr) return abi::kInvalidArgument;
    *sample = {device, instance, std::chrono::steady_clock::now()};
    return abi::kSuccess;
  });
}

void Answer(const GpuScript& measured, abi::GpmMetric& metric) {
  const auto found = measured.gpm_metrics.find(metric.id);
  metric.code = abi::kNotSupported;
  if (found == measured.gpm_metrics.end()) return;
  const GpmScript& script = found->second;
  metric.code = script.error ? static_cast<abi::Return>(*script.error) : abi::kSuccess;
  metric.value = script.value.value_or(0);
}

}  // namespace

abi::Return nvmlGpmQueryDeviceSupport(abi::Device device, abi::GpmSupport* support) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    if (support->version != abi::kGpmVersion) return abi::kArgumentVersionMismatch;
    if (gpu.gpm < 0) return abi::kNotSupported;
    support->supported = gpu.gpm == 1 ? 1 : 0;
    return abi::kSuccess;
  });
}

abi::Return nvmlGpmSampleAlloc(abi::GpmSample* sample) {
  const abi::Return code = Driver::Instance().OnDriver(
      __func__, [](const kgs::fake_nvml::Script&) { return abi::kSuccess; });
  if (code != abi::kSuccess) return code;
  *sample = new abi::GpmSampleHandle;
  Driver::Instance().CountHeld(+1);
  return code;
}

abi::Return nvmlGpmSampleFree(abi::GpmSample sample) {
  const abi::Return code = Driver::Instance().OnDriver(
      __func__, [](const kgs::fake_nvml::Script&) { return abi::kSuccess; });
  if (code != abi::kSuccess) return code;
  delete sample;
  Driver::Instance().CountHeld(-1);
  return code;
}

abi::Return nvmlGpmSampleGet(abi::Device device, abi::GpmSample sample) {
  return Take(__func__, device, std::nullopt, sample);
}

abi::Return nvmlGpmMigSampleGet(abi::Device device, unsigned int gpu_instance,
                                abi::GpmSample sample) {
  return Take(__func__, device, gpu_instance, sample);
}

abi::Return nvmlGpmMetricsGet(abi::GpmMetricsGet* metrics) {
  if (metrics->version != abi::kGpmVersion) return abi::kArgumentVersionMismatch;
  const abi::GpmSampleHandle& earlier = *metrics->sample1;
  const abi::GpmSampleHandle& later = *metrics->sample2;
  if (!earlier.taken || !later.taken) return abi::kInvalidArgument;
  if (earlier.device != later.device || earlier.gpu_instance != later.gpu_instance) {
    return abi::kInvalidArgument;
  }
  return Driver::Instance().OnGpu(__func__, later.device, [&](const GpuScript& gpu, GpuRings&) {
    const auto apart = *later.taken - *earlier.taken;
    const auto least = std::chrono::milliseconds(gpu.gpm_least_interval_ms);
    if (apart < std::chrono::milliseconds(0) || apart <= least) return abi::kInvalidArgument;
    const GpuScript* measured = Measured(gpu, later.gpu_instance);
    if (measured == nullptr) return abi::kNotFound;
    for (unsigned int i = 0; i < metrics->metric_count; ++i) Answer(*measured, metrics->metrics[i]);
    return abi::kSuccess;
  });
}
