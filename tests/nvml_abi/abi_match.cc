// SPDX-License-Identifier: Apache-2.0
//
// Compiled, never run: our NVML declarations against NVIDIA's. See check.
#include <nvml.h>

#include <cstddef>
#include <type_traits>

#include "gpu/nvml/abi.h"
#include "tests/support/same_abi.h"

namespace abi = kgs::gpu::nvml::abi;

template <>
struct kgs::testing::OfficialHandle<abi::Device> {
  using Type = nvmlDevice_t;
};
template <>
struct kgs::testing::OfficialHandle<abi::GpmSample> {
  using Type = nvmlGpmSample_t;
};
template <>
struct kgs::testing::OfficialHandle<abi::EventSet> {
  using Type = nvmlEventSet_t;
};
/// Of no fixed size; its members are compared below.
template <>
struct kgs::testing::OfficialHandle<abi::GpmMetricsGet*> {
  using Type = nvmlGpmMetricsGet_t*;
};

using kgs::testing::SameFunction;
using kgs::testing::SameRepresentation;

namespace {

#define SAME_FUNCTION(name) static_assert(SameFunction<abi::name, decltype(::name)>::value, #name)
SAME_FUNCTION(nvmlInit_v2);
SAME_FUNCTION(nvmlShutdown);
SAME_FUNCTION(nvmlSystemGetDriverVersion);
SAME_FUNCTION(nvmlDeviceGetCount_v2);
SAME_FUNCTION(nvmlDeviceGetHandleByIndex_v2);
SAME_FUNCTION(nvmlDeviceGetUUID);
SAME_FUNCTION(nvmlDeviceGetName);
SAME_FUNCTION(nvmlDeviceGetMinorNumber);
SAME_FUNCTION(nvmlDeviceGetPciInfo_v3);
SAME_FUNCTION(nvmlDeviceGetSamples);
SAME_FUNCTION(nvmlDeviceGetUtilizationRates);
SAME_FUNCTION(nvmlDeviceGetMemoryInfo);
SAME_FUNCTION(nvmlDeviceGetMemoryInfo_v2);
SAME_FUNCTION(nvmlDeviceGetTemperature);
SAME_FUNCTION(nvmlDeviceGetTemperatureV);
SAME_FUNCTION(nvmlDeviceGetPowerUsage);
SAME_FUNCTION(nvmlDeviceGetFieldValues);
SAME_FUNCTION(nvmlDeviceGetPcieThroughput);
SAME_FUNCTION(nvmlDeviceGetMigMode);
SAME_FUNCTION(nvmlDeviceGetMaxMigDeviceCount);
SAME_FUNCTION(nvmlDeviceGetMigDeviceHandleByIndex);
SAME_FUNCTION(nvmlDeviceGetGpuInstanceId);
SAME_FUNCTION(nvmlDeviceGetComputeInstanceId);
SAME_FUNCTION(nvmlDeviceGetAttributes_v2);
SAME_FUNCTION(nvmlGpmQueryDeviceSupport);
SAME_FUNCTION(nvmlGpmSampleAlloc);
SAME_FUNCTION(nvmlGpmSampleFree);
SAME_FUNCTION(nvmlGpmSampleGet);
SAME_FUNCTION(nvmlGpmMigSampleGet);
SAME_FUNCTION(nvmlGpmMetricsGet);
SAME_FUNCTION(nvmlEventSetCreate);
SAME_FUNCTION(nvmlEventSetFree);
SAME_FUNCTION(nvmlDeviceGetSupportedEventTypes);
SAME_FUNCTION(nvmlDeviceRegisterEvents);
SAME_FUNCTION(nvmlEventSetWait_v2);
SAME_FUNCTION(nvmlDeviceGetComputeRunningProcesses_v3);
SAME_FUNCTION(nvmlDeviceGetGraphicsRunningProcesses_v3);
SAME_FUNCTION(nvmlDeviceGetMPSComputeRunningProcesses_v3);
SAME_FUNCTION(nvmlDeviceGetProcessUtilization);

#define SAME_SIZE(ours, official) \
  static_assert(sizeof(abi::ours) == sizeof(official) && alignof(abi::ours) == alignof(official))
#define SAME_MEMBER(ours, our_member, official, official_member)                         \
  static_assert(offsetof(abi::ours, our_member) == offsetof(official, official_member)); \
  static_assert(                                                                         \
      SameRepresentation<decltype(abi::ours::our_member), decltype(official::official_member)>())

SAME_SIZE(Utilization, nvmlUtilization_t);
SAME_MEMBER(Utilization, gpu, nvmlUtilization_t, gpu);
SAME_MEMBER(Utilization, memory, nvmlUtilization_t, memory);

SAME_SIZE(Memory, nvmlMemory_t);
SAME_MEMBER(Memory, total, nvmlMemory_t, total);
SAME_MEMBER(Memory, free, nvmlMemory_t, free);
SAME_MEMBER(Memory, used, nvmlMemory_t, used);

SAME_SIZE(MemoryV2, nvmlMemory_v2_t);
SAME_MEMBER(MemoryV2, version, nvmlMemory_v2_t, version);
SAME_MEMBER(MemoryV2, total, nvmlMemory_v2_t, total);
SAME_MEMBER(MemoryV2, reserved, nvmlMemory_v2_t, reserved);
SAME_MEMBER(MemoryV2, free, nvmlMemory_v2_t, free);
SAME_MEMBER(MemoryV2, used, nvmlMemory_v2_t, used);
static_assert(abi::kMemoryV2Version == nvmlMemory_v2);

SAME_SIZE(TemperatureV1, nvmlTemperature_v1_t);
SAME_MEMBER(TemperatureV1, version, nvmlTemperature_v1_t, version);
SAME_MEMBER(TemperatureV1, sensor_type, nvmlTemperature_v1_t, sensorType);
SAME_MEMBER(TemperatureV1, temperature, nvmlTemperature_v1_t, temperature);
static_assert(abi::kTemperatureV1Version == nvmlTemperature_v1);

SAME_SIZE(Value, nvmlValue_t);
SAME_MEMBER(Value, d, nvmlValue_t, dVal);
SAME_MEMBER(Value, si, nvmlValue_t, siVal);
SAME_MEMBER(Value, ui, nvmlValue_t, uiVal);
SAME_MEMBER(Value, ul, nvmlValue_t, ulVal);
SAME_MEMBER(Value, ull, nvmlValue_t, ullVal);
SAME_MEMBER(Value, sll, nvmlValue_t, sllVal);
SAME_MEMBER(Value, us, nvmlValue_t, usVal);

SAME_SIZE(Sample, nvmlSample_t);
SAME_MEMBER(Sample, time_stamp, nvmlSample_t, timeStamp);
SAME_MEMBER(Sample, value, nvmlSample_t, sampleValue);

SAME_SIZE(ProcessInfo, nvmlProcessInfo_t);
SAME_SIZE(ProcessInfo, nvmlProcessInfo_v2_t);
SAME_MEMBER(ProcessInfo, pid, nvmlProcessInfo_t, pid);
SAME_MEMBER(ProcessInfo, used_gpu_memory, nvmlProcessInfo_t, usedGpuMemory);
SAME_MEMBER(ProcessInfo, gpu_instance, nvmlProcessInfo_t, gpuInstanceId);
SAME_MEMBER(ProcessInfo, compute_instance, nvmlProcessInfo_t, computeInstanceId);
static_assert(abi::kMemoryNotAvailable == static_cast<unsigned long long>(NVML_VALUE_NOT_AVAILABLE));

SAME_SIZE(ProcessUtilizationSample, nvmlProcessUtilizationSample_t);
SAME_MEMBER(ProcessUtilizationSample, pid, nvmlProcessUtilizationSample_t, pid);
SAME_MEMBER(ProcessUtilizationSample, time_stamp, nvmlProcessUtilizationSample_t, timeStamp);
SAME_MEMBER(ProcessUtilizationSample, sm, nvmlProcessUtilizationSample_t, smUtil);
SAME_MEMBER(ProcessUtilizationSample, memory, nvmlProcessUtilizationSample_t, memUtil);
SAME_MEMBER(ProcessUtilizationSample, encoder, nvmlProcessUtilizationSample_t, encUtil);
SAME_MEMBER(ProcessUtilizationSample, decoder, nvmlProcessUtilizationSample_t, decUtil);

SAME_SIZE(PciInfo, nvmlPciInfo_t);
static_assert(offsetof(abi::PciInfo, domain) == offsetof(nvmlPciInfo_t, domain));
static_assert(offsetof(abi::PciInfo, bus) == offsetof(nvmlPciInfo_t, bus));
static_assert(offsetof(abi::PciInfo, device) == offsetof(nvmlPciInfo_t, device));
static_assert(offsetof(abi::PciInfo, pci_device_id) == offsetof(nvmlPciInfo_t, pciDeviceId));
static_assert(offsetof(abi::PciInfo, pci_subsystem_id) == offsetof(nvmlPciInfo_t, pciSubSystemId));
static_assert(offsetof(abi::PciInfo, bus_id) == offsetof(nvmlPciInfo_t, busId));
static_assert(sizeof(abi::PciInfo::bus_id) == sizeof(nvmlPciInfo_t::busId));
static_assert(sizeof(abi::PciInfo::bus_id_legacy) == sizeof(nvmlPciInfo_t::busIdLegacy));

SAME_SIZE(FieldValue, nvmlFieldValue_t);
SAME_MEMBER(FieldValue, field_id, nvmlFieldValue_t, fieldId);
SAME_MEMBER(FieldValue, scope_id, nvmlFieldValue_t, scopeId);
SAME_MEMBER(FieldValue, timestamp, nvmlFieldValue_t, timestamp);
SAME_MEMBER(FieldValue, latency_us, nvmlFieldValue_t, latencyUsec);
SAME_MEMBER(FieldValue, value_type, nvmlFieldValue_t, valueType);
SAME_MEMBER(FieldValue, code, nvmlFieldValue_t, nvmlReturn);
SAME_MEMBER(FieldValue, value, nvmlFieldValue_t, value);

SAME_SIZE(DeviceAttributes, nvmlDeviceAttributes_t);
SAME_MEMBER(DeviceAttributes, gpu_instance_slices, nvmlDeviceAttributes_t, gpuInstanceSliceCount);
SAME_MEMBER(DeviceAttributes, compute_instance_slices, nvmlDeviceAttributes_t,
            computeInstanceSliceCount);
SAME_MEMBER(DeviceAttributes, memory_mib, nvmlDeviceAttributes_t, memorySizeMB);

SAME_SIZE(EventData, nvmlEventData_t);
SAME_MEMBER(EventData, device, nvmlEventData_t, device);
SAME_MEMBER(EventData, type, nvmlEventData_t, eventType);
SAME_MEMBER(EventData, data, nvmlEventData_t, eventData);
SAME_MEMBER(EventData, gpu_instance, nvmlEventData_t, gpuInstanceId);
SAME_MEMBER(EventData, compute_instance, nvmlEventData_t, computeInstanceId);

SAME_SIZE(GpmSupport, nvmlGpmSupport_t);
SAME_MEMBER(GpmSupport, version, nvmlGpmSupport_t, version);
SAME_MEMBER(GpmSupport, supported, nvmlGpmSupport_t, isSupportedDevice);

SAME_SIZE(GpmMetric, nvmlGpmMetric_t);
SAME_MEMBER(GpmMetric, id, nvmlGpmMetric_t, metricId);
SAME_MEMBER(GpmMetric, code, nvmlGpmMetric_t, nvmlReturn);
SAME_MEMBER(GpmMetric, value, nvmlGpmMetric_t, value);

SAME_MEMBER(GpmMetricsGet, version, nvmlGpmMetricsGet_t, version);
SAME_MEMBER(GpmMetricsGet, metric_count, nvmlGpmMetricsGet_t, numMetrics);
SAME_MEMBER(GpmMetricsGet, sample1, nvmlGpmMetricsGet_t, sample1);
SAME_MEMBER(GpmMetricsGet, sample2, nvmlGpmMetricsGet_t, sample2);

static_assert(offsetof(abi::GpmMetricsGet, metrics) == offsetof(nvmlGpmMetricsGet_t, metrics));
static_assert(sizeof(abi::GpmMetricsGet) >= sizeof(nvmlGpmMetricsGet_t));

#define SAME_NUMBER(ours, official) \
  static_assert(static_cast<unsigned int>(abi::ours) == static_cast<unsigned int>(official))
SAME_NUMBER(kSuccess, NVML_SUCCESS);
SAME_NUMBER(kUninitialized, NVML_ERROR_UNINITIALIZED);
SAME_NUMBER(kInvalidArgument, NVML_ERROR_INVALID_ARGUMENT);
SAME_NUMBER(kNotSupported, NVML_ERROR_NOT_SUPPORTED);
SAME_NUMBER(kNoPermission, NVML_ERROR_NO_PERMISSION);
SAME_NUMBER(kAlreadyInitialized, NVML_ERROR_ALREADY_INITIALIZED);
SAME_NUMBER(kNotFound, NVML_ERROR_NOT_FOUND);
SAME_NUMBER(kInsufficientSize, NVML_ERROR_INSUFFICIENT_SIZE);
SAME_NUMBER(kInsufficientPower, NVML_ERROR_INSUFFICIENT_POWER);
SAME_NUMBER(kDriverNotLoaded, NVML_ERROR_DRIVER_NOT_LOADED);
SAME_NUMBER(kTimeout, NVML_ERROR_TIMEOUT);
SAME_NUMBER(kIrqIssue, NVML_ERROR_IRQ_ISSUE);
SAME_NUMBER(kLibraryNotFound, NVML_ERROR_LIBRARY_NOT_FOUND);
SAME_NUMBER(kFunctionNotFound, NVML_ERROR_FUNCTION_NOT_FOUND);
SAME_NUMBER(kCorruptedInforom, NVML_ERROR_CORRUPTED_INFOROM);
SAME_NUMBER(kGpuIsLost, NVML_ERROR_GPU_IS_LOST);
SAME_NUMBER(kResetRequired, NVML_ERROR_RESET_REQUIRED);
SAME_NUMBER(kOperatingSystem, NVML_ERROR_OPERATING_SYSTEM);
SAME_NUMBER(kLibRmVersionMismatch, NVML_ERROR_LIB_RM_VERSION_MISMATCH);
SAME_NUMBER(kInUse, NVML_ERROR_IN_USE);
SAME_NUMBER(kMemory, NVML_ERROR_MEMORY);
SAME_NUMBER(kNoData, NVML_ERROR_NO_DATA);
SAME_NUMBER(kVgpuEccNotSupported, NVML_ERROR_VGPU_ECC_NOT_SUPPORTED);
SAME_NUMBER(kInsufficientResources, NVML_ERROR_INSUFFICIENT_RESOURCES);
SAME_NUMBER(kFreqNotSupported, NVML_ERROR_FREQ_NOT_SUPPORTED);
SAME_NUMBER(kArgumentVersionMismatch, NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
SAME_NUMBER(kDeprecated, NVML_ERROR_DEPRECATED);
SAME_NUMBER(kNotReady, NVML_ERROR_NOT_READY);
SAME_NUMBER(kGpuNotFound, NVML_ERROR_GPU_NOT_FOUND);
SAME_NUMBER(kInvalidState, NVML_ERROR_INVALID_STATE);
SAME_NUMBER(kResetTypeNotSupported, NVML_ERROR_RESET_TYPE_NOT_SUPPORTED);
SAME_NUMBER(kUnknown, NVML_ERROR_UNKNOWN);
SAME_NUMBER(kGpuUtilizationSamples, NVML_GPU_UTILIZATION_SAMPLES);
SAME_NUMBER(kMemoryUtilizationSamples, NVML_MEMORY_UTILIZATION_SAMPLES);
SAME_NUMBER(kDouble, NVML_VALUE_TYPE_DOUBLE);
SAME_NUMBER(kUnsignedInt, NVML_VALUE_TYPE_UNSIGNED_INT);
SAME_NUMBER(kUnsignedLong, NVML_VALUE_TYPE_UNSIGNED_LONG);
SAME_NUMBER(kUnsignedLongLong, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG);
SAME_NUMBER(kSignedLongLong, NVML_VALUE_TYPE_SIGNED_LONG_LONG);
SAME_NUMBER(kSignedInt, NVML_VALUE_TYPE_SIGNED_INT);
SAME_NUMBER(kUnsignedShort, NVML_VALUE_TYPE_UNSIGNED_SHORT);
SAME_NUMBER(kGpuDie, NVML_TEMPERATURE_GPU);
SAME_NUMBER(kPcieTransmitted, NVML_PCIE_UTIL_TX_BYTES);
SAME_NUMBER(kPcieReceived, NVML_PCIE_UTIL_RX_BYTES);
SAME_NUMBER(kFieldNvlinkLinkCount, NVML_FI_DEV_NVLINK_LINK_COUNT);
SAME_NUMBER(kFieldNvlinkDataTransmitted, NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX);
SAME_NUMBER(kFieldNvlinkDataReceived, NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX);
SAME_NUMBER(kFieldPcieBytesTransmitted, NVML_FI_DEV_PCIE_COUNT_TX_BYTES);
SAME_NUMBER(kFieldPcieBytesReceived, NVML_FI_DEV_PCIE_COUNT_RX_BYTES);
SAME_NUMBER(kFieldRecoveryAction, NVML_FI_DEV_GET_GPU_RECOVERY_ACTION);
SAME_NUMBER(kRecoveryNone, NVML_GPU_RECOVERY_ACTION_NONE);
SAME_NUMBER(kRecoveryGpuReset, NVML_GPU_RECOVERY_ACTION_GPU_RESET);
SAME_NUMBER(kRecoveryNodeReboot, NVML_GPU_RECOVERY_ACTION_NODE_REBOOT);
SAME_NUMBER(kRecoveryDrainP2p, NVML_GPU_RECOVERY_ACTION_DRAIN_P2P);
SAME_NUMBER(kRecoveryDrainAndReset, NVML_GPU_RECOVERY_ACTION_DRAIN_AND_RESET);
SAME_NUMBER(kRecoveryImexDomain, NVML_GPU_RECOVERY_ACTION_RECOVER_IMEX_DOMAIN);
SAME_NUMBER(kRecoveryBusReset, NVML_GPU_RECOVERY_ACTION_BUS_RESET);
SAME_NUMBER(kRecoverySystemReboot, NVML_GPU_RECOVERY_ACTION_SYSTEM_REBOOT);
SAME_NUMBER(kGpmGraphicsUtil, NVML_GPM_METRIC_GRAPHICS_UTIL);
SAME_NUMBER(kGpmSmUtil, NVML_GPM_METRIC_SM_UTIL);
SAME_NUMBER(kGpmSmOccupancy, NVML_GPM_METRIC_SM_OCCUPANCY);
SAME_NUMBER(kGpmAnyTensorUtil, NVML_GPM_METRIC_ANY_TENSOR_UTIL);
SAME_NUMBER(kGpmDramBandwidthUtil, NVML_GPM_METRIC_DRAM_BW_UTIL);
SAME_NUMBER(kGpmPcieTransmitted, NVML_GPM_METRIC_PCIE_TX_PER_SEC);
SAME_NUMBER(kGpmPcieReceived, NVML_GPM_METRIC_PCIE_RX_PER_SEC);
SAME_NUMBER(kGpmNvlinkReceived, NVML_GPM_METRIC_NVLINK_TOTAL_RX_PER_SEC);
SAME_NUMBER(kGpmNvlinkTransmitted, NVML_GPM_METRIC_NVLINK_TOTAL_TX_PER_SEC);
SAME_NUMBER(kMigEnabled, NVML_DEVICE_MIG_ENABLE);
SAME_NUMBER(kGpmVersion, NVML_GPM_METRICS_GET_VERSION);
SAME_NUMBER(kEventXid, nvmlEventTypeXidCriticalError);
SAME_NUMBER(kDriverVersionSize, NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE);
SAME_NUMBER(kUuidSize, NVML_DEVICE_UUID_V2_BUFFER_SIZE);
SAME_NUMBER(kNameSize, NVML_DEVICE_NAME_V2_BUFFER_SIZE);

}  // namespace
