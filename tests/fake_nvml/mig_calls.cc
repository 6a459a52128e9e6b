// SPDX-License-Identifier: Apache-2.0
//
// The exported functions of MIG.
#include "tests/fake_nvml/export.h"

using kgs::fake_nvml::Driver;
using kgs::fake_nvml::GpuRings;
using kgs::fake_nvml::GpuScript;

FAKE_NVML_EXPORT abi::nvmlDeviceGetMigMode nvmlDeviceGetMigMode;
FAKE_NVML_EXPORT abi::nvmlDeviceGetMaxMigDeviceCount nvmlDeviceGetMaxMigDeviceCount;
FAKE_NVML_EXPORT abi::nvmlDeviceGetMigDeviceHandleByIndex nvmlDeviceGetMigDeviceHandleByIndex;
FAKE_NVML_EXPORT abi::nvmlDeviceGetGpuInstanceId nvmlDeviceGetGpuInstanceId;
FAKE_NVML_EXPORT abi::nvmlDeviceGetComputeInstanceId nvmlDeviceGetComputeInstanceId;
FAKE_NVML_EXPORT abi::nvmlDeviceGetAttributes_v2 nvmlDeviceGetAttributes_v2;

abi::Return nvmlDeviceGetMigMode(abi::Device device, unsigned int* current, unsigned int* pending) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    if (gpu.mig_mode < 0) return abi::kNotSupported;
    *current = *pending = static_cast<unsigned int>(gpu.mig_mode);
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceGetMaxMigDeviceCount(abi::Device device, unsigned int* count) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    *count = static_cast<unsigned int>(gpu.mig_slots);
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceGetMigDeviceHandleByIndex(abi::Device device, unsigned int index,
                                                abi::Device* mig_device) {
  return Driver::Instance().MigHandle(__func__, device, index, mig_device);
}

abi::Return nvmlDeviceGetGpuInstanceId(abi::Device mig_device, unsigned int* id) {
  return Driver::Instance().OnGpu(__func__, mig_device, [&](const GpuScript& gpu, GpuRings&) {
    if (!gpu.is_mig) return abi::kNotSupported;
    *id = static_cast<unsigned int>(gpu.gpu_instance);
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceGetComputeInstanceId(abi::Device mig_device, unsigned int* id) {
  return Driver::Instance().OnGpu(__func__, mig_device, [&](const GpuScript& gpu, GpuRings&) {
    if (!gpu.is_mig) return abi::kNotSupported;
    *id = static_cast<unsigned int>(gpu.compute_instance);
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceGetAttributes_v2(abi::Device mig_device, abi::DeviceAttributes* attributes) {
  return Driver::Instance().OnGpu(__func__, mig_device, [&](const GpuScript& gpu, GpuRings&) {
    if (!gpu.is_mig) return abi::kNotSupported;
    *attributes = {};
    attributes->gpu_instance_slices = static_cast<unsigned int>(gpu.gpu_slices);
    attributes->compute_instance_slices = static_cast<unsigned int>(gpu.compute_slices);
    attributes->memory_mib = static_cast<unsigned long long>(gpu.memory_total_mib);
    return abi::kSuccess;
  });
}
