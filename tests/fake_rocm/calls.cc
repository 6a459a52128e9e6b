// SPDX-License-Identifier: Apache-2.0
//
// The exported functions. To add one: its type in gpu/rocm/abi.h, a line in the table, its body
// below, and what it answers in script.h and README.md.
#include <cstdlib>
#include <cstring>
#include <string>

#include "gpu/rocm/abi.h"
#include "tests/fake_rocm/driver.h"

namespace abi = kgs::gpu::rocm::abi;
using kgs::fake_rocm::Driver;
using kgs::fake_rocm::GpuScript;
using kgs::fake_rocm::Script;

#define FAKE_ROCM_EXPORT extern "C" __attribute__((visibility("default")))

// The table. A definition of another type than our code calls it by does not compile.
FAKE_ROCM_EXPORT abi::rsmi_init rsmi_init;
FAKE_ROCM_EXPORT abi::rsmi_shut_down rsmi_shut_down;
FAKE_ROCM_EXPORT abi::rsmi_num_monitor_devices rsmi_num_monitor_devices;
FAKE_ROCM_EXPORT abi::rsmi_version_str_get rsmi_version_str_get;
FAKE_ROCM_EXPORT abi::rsmi_dev_pci_id_get rsmi_dev_pci_id_get;
FAKE_ROCM_EXPORT abi::rsmi_dev_unique_id_get rsmi_dev_unique_id_get;
FAKE_ROCM_EXPORT abi::rsmi_dev_name_get rsmi_dev_name_get;
FAKE_ROCM_EXPORT abi::rsmi_dev_busy_percent_get rsmi_dev_busy_percent_get;
FAKE_ROCM_EXPORT abi::rsmi_dev_memory_busy_percent_get rsmi_dev_memory_busy_percent_get;
FAKE_ROCM_EXPORT abi::rsmi_dev_memory_total_get rsmi_dev_memory_total_get;
FAKE_ROCM_EXPORT abi::rsmi_dev_memory_usage_get rsmi_dev_memory_usage_get;
FAKE_ROCM_EXPORT abi::rsmi_dev_temp_metric_get rsmi_dev_temp_metric_get;
FAKE_ROCM_EXPORT abi::rsmi_dev_power_ave_get rsmi_dev_power_ave_get;
#ifndef FAKE_ROCM_OLD
FAKE_ROCM_EXPORT abi::rsmi_dev_power_get rsmi_dev_power_get;
#endif
/// How often \p symbol was called in this process.
FAKE_ROCM_EXPORT unsigned long long fake_rocm_calls(const char* symbol);

namespace {

abi::Status CopyText(const std::string& text, char* buffer, size_t length) {
  if (text.size() + 1 > length) return abi::kInsufficientSize;
  std::memcpy(buffer, text.c_str(), text.size() + 1);
  return abi::kSuccess;
}

abi::Status AnswerMib(int64_t mib, abi::MemoryType type, uint64_t* bytes) {
  if (type != abi::kVram) return abi::kInvalidArguments;
  *bytes = static_cast<uint64_t>(mib) * 1024 * 1024;
  return abi::kSuccess;
}

abi::Status AnswerNumber(int64_t number, uint64_t* answer) {
  *answer = static_cast<uint64_t>(number);
  return abi::kSuccess;
}

abi::Status AnswerPercent(int64_t number, uint32_t* percent) {
  *percent = static_cast<uint32_t>(number);
  return abi::kSuccess;
}

}  // namespace

abi::Status rsmi_init(uint64_t flags) {
  // ALL_GPUS would list other vendors' too.
  if (flags != abi::kThreadOnlyMutex) return abi::kInvalidArguments;
  return Driver::Instance().Init();
}

abi::Status rsmi_shut_down() { return Driver::Instance().ShutDown(); }

unsigned long long fake_rocm_calls(const char* symbol) { return Driver::Instance().Calls(symbol); }

abi::Status rsmi_num_monitor_devices(uint32_t* count) {
  return Driver::Instance().OnLibrary(__func__, [&](const Script&, uint32_t gpus) {
    *count = gpus;
    return abi::kSuccess;
  });
}

abi::Status rsmi_version_str_get(abi::SoftwareComponent component, char* text, uint32_t length) {
  return Driver::Instance().OnLibrary(__func__, [&](const Script& script, uint32_t) {
    if (component != abi::kDriver) return abi::kInvalidArguments;
    return CopyText(script.driver, text, length);
  });
}

abi::Status rsmi_dev_pci_id_get(uint32_t index, uint64_t* id) {
  return Driver::Instance().OnGpu(__func__, index, [&](const GpuScript& gpu) {
    *id = gpu.PciId();
    return abi::kSuccess;
  });
}

abi::Status rsmi_dev_unique_id_get(uint32_t index, uint64_t* id) {
  return Driver::Instance().OnGpu(__func__, index, [&](const GpuScript& gpu) {
    *id = std::strtoull(gpu.unique_id.c_str(), nullptr, 16);
    return abi::kSuccess;
  });
}

abi::Status rsmi_dev_name_get(uint32_t index, char* name, size_t length) {
  return Driver::Instance().OnGpu(
      __func__, index, [&](const GpuScript& gpu) { return CopyText(gpu.name, name, length); });
}

abi::Status rsmi_dev_busy_percent_get(uint32_t index, uint32_t* percent) {
  return Driver::Instance().OnGpu(
      __func__, index, [&](const GpuScript& gpu) { return AnswerPercent(gpu.busy, percent); });
}

abi::Status rsmi_dev_memory_busy_percent_get(uint32_t index, uint32_t* percent) {
  return Driver::Instance().OnGpu(
      __func__, index, [&](const GpuScript& gpu) { return AnswerPercent(gpu.mem_busy, percent); });
}

abi::Status rsmi_dev_memory_total_get(uint32_t index, abi::MemoryType type, uint64_t* bytes) {
  return Driver::Instance().OnGpu(__func__, index, [&](const GpuScript& gpu) {
    return AnswerMib(gpu.vram_total_mib, type, bytes);
  });
}

abi::Status rsmi_dev_memory_usage_get(uint32_t index, abi::MemoryType type, uint64_t* bytes) {
  return Driver::Instance().OnGpu(__func__, index, [&](const GpuScript& gpu) {
    return AnswerMib(gpu.vram_used_mib, type, bytes);
  });
}

abi::Status rsmi_dev_temp_metric_get(uint32_t index, uint32_t sensor, abi::TemperatureMetric metric,
                                     int64_t* millicelsius) {
  return Driver::Instance().OnGpu(__func__, index, [&](const GpuScript& gpu) {
    if (sensor > abi::kJunction || metric != abi::kCurrentTemperature) {
      return abi::kInvalidArguments;
    }
    const bool edge = sensor == abi::kEdge;
    if (edge ? gpu.no_edge : gpu.no_junction) return abi::kNotSupported;
    *millicelsius = edge ? gpu.edge_mc : gpu.junction_mc;
    return abi::kSuccess;
  });
}

abi::Status rsmi_dev_power_ave_get(uint32_t index, uint32_t sensor, uint64_t* microwatts) {
  return Driver::Instance().OnGpu(__func__, index, [&](const GpuScript& gpu) {
    if (sensor != 0) return abi::kInvalidArguments;
    return AnswerNumber(gpu.average_power_uw, microwatts);
  });
}

#ifndef FAKE_ROCM_OLD

abi::Status rsmi_dev_power_get(uint32_t index, uint64_t* microwatts, abi::PowerType* type) {
  return Driver::Instance().OnGpu(__func__, index, [&](const GpuScript& gpu) {
    *type = abi::kCurrentPower;
    return AnswerNumber(gpu.power_uw, microwatts);
  });
}

#endif  // FAKE_ROCM_OLD
