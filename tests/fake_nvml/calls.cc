// SPDX-License-Identifier: Apache-2.0
//
// The exported functions. To add one: its type in gpu/nvml/abi.h, a line in the table, its body
// below, and what it answers in script.h and README.md.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "tests/fake_nvml/export.h"
#include "tests/fake_nvml/values.h"

using kgs::fake_nvml::Driver;
using kgs::fake_nvml::GpuRings;
using kgs::fake_nvml::GpuScript;
using kgs::fake_nvml::Script;

// The table. A definition of another type than our code calls it by does not compile.
FAKE_NVML_EXPORT abi::nvmlInit_v2 nvmlInit_v2;
FAKE_NVML_EXPORT abi::nvmlShutdown nvmlShutdown;
FAKE_NVML_EXPORT abi::nvmlSystemGetDriverVersion nvmlSystemGetDriverVersion;
FAKE_NVML_EXPORT abi::nvmlDeviceGetCount_v2 nvmlDeviceGetCount_v2;
FAKE_NVML_EXPORT abi::nvmlDeviceGetHandleByIndex_v2 nvmlDeviceGetHandleByIndex_v2;
FAKE_NVML_EXPORT abi::nvmlDeviceGetUUID nvmlDeviceGetUUID;
FAKE_NVML_EXPORT abi::nvmlDeviceGetName nvmlDeviceGetName;
FAKE_NVML_EXPORT abi::nvmlDeviceGetUtilizationRates nvmlDeviceGetUtilizationRates;
FAKE_NVML_EXPORT abi::nvmlDeviceGetMemoryInfo nvmlDeviceGetMemoryInfo;
FAKE_NVML_EXPORT abi::nvmlDeviceGetTemperature nvmlDeviceGetTemperature;
FAKE_NVML_EXPORT abi::nvmlDeviceGetPowerUsage nvmlDeviceGetPowerUsage;
FAKE_NVML_EXPORT abi::nvmlDeviceGetPcieThroughput nvmlDeviceGetPcieThroughput;
#ifndef FAKE_NVML_OLD
FAKE_NVML_EXPORT abi::nvmlDeviceGetMinorNumber nvmlDeviceGetMinorNumber;
FAKE_NVML_EXPORT abi::nvmlDeviceGetPciInfo_v3 nvmlDeviceGetPciInfo_v3;
FAKE_NVML_EXPORT abi::nvmlDeviceGetSamples nvmlDeviceGetSamples;
FAKE_NVML_EXPORT abi::nvmlDeviceGetMemoryInfo_v2 nvmlDeviceGetMemoryInfo_v2;
FAKE_NVML_EXPORT abi::nvmlDeviceGetTemperatureV nvmlDeviceGetTemperatureV;
#endif
/// How often \p symbol was called in this process.
FAKE_NVML_EXPORT unsigned long long fake_nvml_calls(const char* symbol);

namespace {

constexpr unsigned long long kMib = 1024ULL * 1024ULL;

abi::Return CopyText(const std::string& text, char* buffer, unsigned int length) {
  if (text.size() + 1 > length) return abi::kInsufficientSize;
  std::memcpy(buffer, text.c_str(), text.size() + 1);
  return abi::kSuccess;
}

unsigned long long Mib(int64_t mib) { return static_cast<unsigned long long>(mib) * kMib; }

#ifndef FAKE_NVML_OLD

abi::Return AnswerSamples(const GpuScript& gpu,
                          const std::vector<kgs::fake_nvml::Ring::Entry>& entries,
                          unsigned int* count, abi::Sample* samples) {
  if (entries.empty()) return abi::kNotFound;
  const auto available = static_cast<unsigned int>(entries.size());
  if (samples == nullptr) {
    *count =
        gpu.sample_count >= 0
            ? static_cast<unsigned int>(gpu.sample_count)
            : available - std::min(available, static_cast<unsigned int>(gpu.sample_count_short));
    return abi::kSuccess;
  }
  if (*count == 0) return abi::kInvalidArgument;
  if (gpu.sample_fetch_refused) {
    ++*count;
    return abi::kInsufficientSize;
  }
  if (gpu.sample_count_short > 0 && *count < available) {
    *count = available;
    return abi::kInsufficientSize;
  }
  *count = std::min(*count, available);
  for (unsigned int i = 0; i < *count; ++i) {
    samples[i] = {entries[i].stamp, kgs::fake_nvml::MakeValue(entries[i].value, gpu.sample_type)};
  }
  return abi::kSuccess;
}

#endif  // FAKE_NVML_OLD

}  // namespace

abi::Return nvmlInit_v2() { return Driver::Instance().Init(); }
abi::Return nvmlShutdown() { return Driver::Instance().Shutdown(); }

unsigned long long fake_nvml_calls(const char* symbol) { return Driver::Instance().Calls(symbol); }

abi::Return nvmlSystemGetDriverVersion(char* version, unsigned int length) {
  return Driver::Instance().OnDriver(
      __func__, [&](const Script& script) { return CopyText(script.driver, version, length); });
}

abi::Return nvmlDeviceGetCount_v2(unsigned int* count) {
  return Driver::Instance().OnDriver(__func__, [&](const Script& script) {
    *count = static_cast<unsigned int>(script.gpus.size());
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceGetHandleByIndex_v2(unsigned int index, abi::Device* device) {
  return Driver::Instance().HandleByIndex(index, device);
}

abi::Return nvmlDeviceGetUUID(abi::Device device, char* uuid, unsigned int length) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    return CopyText(gpu.answered_uuid.empty() ? gpu.uuid : gpu.answered_uuid, uuid, length);
  });
}

abi::Return nvmlDeviceGetName(abi::Device device, char* name, unsigned int length) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    return CopyText(gpu.name, name, length);
  });
}

abi::Return nvmlDeviceGetUtilizationRates(abi::Device device, abi::Utilization* utilization) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    *utilization = {static_cast<unsigned int>(gpu.gpu_util),
                    static_cast<unsigned int>(gpu.mem_util)};
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceGetMemoryInfo(abi::Device device, abi::Memory* memory) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    memory->total = Mib(gpu.memory_total_mib);
    memory->used = Mib(gpu.memory_used_mib + gpu.memory_reserved_mib);
    memory->free = memory->total - memory->used;
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceGetTemperature(abi::Device device, abi::TemperatureSensor sensor,
                                     unsigned int* celsius) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    if (sensor != abi::kGpuDie) return abi::kInvalidArgument;
    *celsius = static_cast<unsigned int>(gpu.temperature);
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceGetPowerUsage(abi::Device device, unsigned int* milliwatts) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    *milliwatts = static_cast<unsigned int>(gpu.power_mw);
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceGetPcieThroughput(abi::Device device, abi::PcieCounter counter,
                                        unsigned int* kilobytes_per_second) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    if (counter > 1) return abi::kInvalidArgument;
    *kilobytes_per_second =
        static_cast<unsigned int>(counter == 0 ? gpu.pcie_tx_kbps : gpu.pcie_rx_kbps);
    return abi::kSuccess;
  });
}

#ifndef FAKE_NVML_OLD

abi::Return nvmlDeviceGetMinorNumber(abi::Device device, unsigned int* minor) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    *minor = static_cast<unsigned int>(gpu.minor);
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceGetPciInfo_v3(abi::Device device, abi::PciInfo* pci) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    *pci = {};
    return CopyText(gpu.bus_id, pci->bus_id, sizeof(pci->bus_id));
  });
}

abi::Return nvmlDeviceGetSamples(abi::Device device, abi::SamplingType type,
                                 unsigned long long last_seen, abi::ValueType* value_type,
                                 unsigned int* count, abi::Sample* samples) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings& rings) {
    const bool of_gpu = type == abi::kGpuUtilizationSamples;
    if (!of_gpu && type != abi::kMemoryUtilizationSamples) return abi::kInvalidArgument;
    kgs::fake_nvml::Ring& ring = of_gpu ? rings.gpu : rings.mem;
    if (gpu.samples_every_ms > 0) {
      ring.AppendByClock(static_cast<double>(of_gpu ? gpu.gpu_util : gpu.mem_util),
                         gpu.samples_every_ms);
    }
    *value_type = static_cast<abi::ValueType>(gpu.sample_type);
    return AnswerSamples(gpu, ring.NewerThan(gpu.samples_ignore_last_seen ? 0 : last_seen), count,
                         samples);
  });
}

abi::Return nvmlDeviceGetMemoryInfo_v2(abi::Device device, abi::MemoryV2* memory) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    if (memory->version != abi::kMemoryV2Version) return abi::kArgumentVersionMismatch;
    memory->total = Mib(gpu.memory_total_mib);
    memory->reserved = Mib(gpu.memory_reserved_mib);
    memory->used = Mib(gpu.memory_used_mib);
    memory->free = memory->total - memory->used - memory->reserved;
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceGetTemperatureV(abi::Device device, abi::TemperatureV1* temperature) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    if (temperature->version != abi::kTemperatureV1Version) return abi::kArgumentVersionMismatch;
    if (temperature->sensor_type != abi::kGpuDie) return abi::kInvalidArgument;
    temperature->temperature = static_cast<int>(gpu.temperature);
    return abi::kSuccess;
  });
}

#endif  // FAKE_NVML_OLD
