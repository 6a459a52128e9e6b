// SPDX-License-Identifier: Apache-2.0
//
// What we use of NVML's binary interface, in our own words: LP64 Linux, x86-64 and aarch64.
// tests/nvml_abi compiles this file against NVIDIA's nvml.h. Functions are bound by name at run
// time (library.h); the aliases here are their types, named as the symbols.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kgs::gpu::nvml::abi {

/// A GPU, valid between nvmlInit_v2 and nvmlShutdown.
struct DeviceHandle;
using Device = DeviceHandle*;

/// What GPM has counted at one moment; between nvmlGpmSampleAlloc and nvmlGpmSampleFree.
struct GpmSampleHandle;
using GpmSample = GpmSampleHandle*;

/// Where events arrive; between nvmlEventSetCreate and nvmlEventSetFree.
struct EventSetHandle;
using EventSet = EventSetHandle*;

/// nvmlReturn_t. Drivers may answer codes that are not listed here.
enum Return : unsigned int {
  kSuccess = 0,
  kUninitialized = 1,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNoPermission = 4,
  kAlreadyInitialized = 5,
  kNotFound = 6,
  kInsufficientSize = 7,
  kInsufficientPower = 8,
  kDriverNotLoaded = 9,
  kTimeout = 10,
  kIrqIssue = 11,
  kLibraryNotFound = 12,
  kFunctionNotFound = 13,
  kCorruptedInforom = 14,
  kGpuIsLost = 15,
  kResetRequired = 16,
  kOperatingSystem = 17,
  kLibRmVersionMismatch = 18,
  kInUse = 19,
  kMemory = 20,
  kNoData = 21,
  kVgpuEccNotSupported = 22,
  kInsufficientResources = 23,
  kFreqNotSupported = 24,
  kArgumentVersionMismatch = 25,
  kDeprecated = 26,
  kNotReady = 27,
  kGpuNotFound = 28,
  kInvalidState = 29,
  kResetTypeNotSupported = 30,
  kUnknown = 999,
};

enum SamplingType : unsigned int {
  kGpuUtilizationSamples = 1,
  kMemoryUtilizationSamples = 2,
};

/// Which member of a Value is set.
enum ValueType : unsigned int {
  kDouble = 0,
  kUnsignedInt = 1,
  kUnsignedLong = 2,
  kUnsignedLongLong = 3,
  kSignedLongLong = 4,
  kSignedInt = 5,
  kUnsignedShort = 6,
};

enum TemperatureSensor : unsigned int { kGpuDie = 0 };

enum PcieCounter : unsigned int { kPcieTransmitted = 0, kPcieReceived = 1 };

/// nvmlDeviceGetFieldValues: what a field is, and of what.
enum FieldId : unsigned int {
  kFieldNvlinkLinkCount = 91,
  /// KiB of data, without what the protocol adds; since the driver was loaded.
  kFieldNvlinkDataTransmitted = 138,
  kFieldNvlinkDataReceived = 139,
  /// Bytes, since the driver was loaded.
  kFieldPcieBytesTransmitted = 197,
  kFieldPcieBytesReceived = 198,
  /// One of RecoveryAction.
  kFieldRecoveryAction = 230,
};
/// The scope of a counter of links that means all of them.
inline constexpr unsigned int kAllLinks = 0xffffffffU;

enum RecoveryAction : unsigned int {
  kRecoveryNone = 0,
  kRecoveryGpuReset = 1,
  kRecoveryNodeReboot = 2,
  kRecoveryDrainP2p = 3,
  kRecoveryDrainAndReset = 4,
  kRecoveryImexDomain = 5,
  kRecoveryBusReset = 6,
  kRecoverySystemReboot = 7,
};

/// nvmlGpmMetricsGet: percent, or MiB a second.
enum GpmMetricId : unsigned int {
  kGpmGraphicsUtil = 1,
  kGpmSmUtil = 2,
  kGpmSmOccupancy = 3,
  kGpmAnyTensorUtil = 5,
  kGpmDramBandwidthUtil = 10,
  kGpmPcieTransmitted = 20,
  kGpmPcieReceived = 21,
  // Received comes first here, unlike everywhere else.
  kGpmNvlinkReceived = 60,
  kGpmNvlinkTransmitted = 61,
};

inline constexpr unsigned int kMigEnabled = 1;
inline constexpr unsigned long long kEventXid = 0x8;
/// Of an EventData that is of the GPU as a whole.
inline constexpr unsigned int kNoInstance = 0xffffffffU;

/// Percent over the driver's last sample period.
struct Utilization {
  unsigned int gpu;
  /// Time during which device memory was read or written; not how full it is.
  unsigned int memory;
};

/// Bytes. used includes what the driver reserves for itself.
struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

/// Bytes. used is what is allocated; reserved stands apart.
struct MemoryV2 {
  unsigned int version;
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used;
};

struct TemperatureV1 {
  unsigned int version;
  TemperatureSensor sensor_type;
  int temperature;
};

union Value {
  double d;
  int si;
  unsigned int ui;
  unsigned long ul;
  unsigned long long ull;
  long long sll;
  unsigned short us;
};

struct Sample {
  unsigned long long time_stamp;
  Value value;
};

struct PciInfo {
  char bus_id_legacy[16];
  unsigned int domain;
  unsigned int bus;
  unsigned int device;
  unsigned int pci_device_id;
  unsigned int pci_subsystem_id;
  char bus_id[32];
};

struct FieldValue {
  unsigned int field_id;
  unsigned int scope_id;
  /// Microseconds since 1970; of the counter, not of the call.
  long long timestamp;
  long long latency_us;
  ValueType value_type;
  Return code;
  Value value;
};

struct DeviceAttributes {
  unsigned int multiprocessors;
  unsigned int copy_engines;
  unsigned int decoders;
  unsigned int encoders;
  unsigned int jpeg_engines;
  unsigned int ofa_engines;
  unsigned int gpu_instance_slices;
  unsigned int compute_instance_slices;
  unsigned long long memory_mib;
};

struct EventData {
  Device device;
  unsigned long long type;
  /// The code of an XID error; 999 where it is not known.
  unsigned long long data;
  unsigned int gpu_instance;
  unsigned int compute_instance;
};

struct GpmSupport {
  unsigned int version;
  unsigned int supported;
};

struct GpmMetric {
  GpmMetricId id;
  Return code;
  double value;
  const char* short_name;
  const char* long_name;
  const char* unit;
};

/// NVIDIA's struct has as many metrics as its version of the header knows (98, 333 and 477 so far)
/// and a version that stays 1: drivers look at the first metric_count alone.
struct GpmMetricsGet {
  unsigned int version;
  unsigned int metric_count;
  /// The earlier one.
  GpmSample sample1;
  GpmSample sample2;
  GpmMetric metrics[512];
};
/// The literal, not StructVersion.
inline constexpr unsigned int kGpmVersion = 1;

/// A versioned struct says its size and version in its first member.
template <typename Struct>
constexpr unsigned int StructVersion(unsigned int version) {
  return static_cast<unsigned int>(sizeof(Struct)) | (version << 24U);
}
inline constexpr unsigned int kMemoryV2Version = StructVersion<MemoryV2>(2);
inline constexpr unsigned int kTemperatureV1Version = StructVersion<TemperatureV1>(1);

inline constexpr unsigned int kDriverVersionSize = 80;
inline constexpr unsigned int kUuidSize = 96;
inline constexpr unsigned int kNameSize = 96;

/// Bytes; kMemoryNotAvailable where the driver does not know. Also called nvmlProcessInfo_v2_t.
struct ProcessInfo {
  unsigned int pid;
  unsigned long long used_gpu_memory;
  unsigned int gpu_instance;
  unsigned int compute_instance;
};
inline constexpr unsigned long long kMemoryNotAvailable = ~0ULL;

/// Percent over the driver's last sample period.
struct ProcessUtilizationSample {
  unsigned int pid;
  unsigned long long time_stamp;
  unsigned int sm;
  unsigned int memory;
  unsigned int encoder;
  unsigned int decoder;
};

static_assert(sizeof(void*) == 8 && sizeof(unsigned long) == 8, "LP64 only");
static_assert(sizeof(Return) == 4 && sizeof(ValueType) == 4 && sizeof(SamplingType) == 4);
static_assert(sizeof(Utilization) == 8 && offsetof(Utilization, memory) == 4);
static_assert(sizeof(Memory) == 24 && offsetof(Memory, free) == 8 && offsetof(Memory, used) == 16);
static_assert(sizeof(MemoryV2) == 40 && offsetof(MemoryV2, total) == 8 &&
              offsetof(MemoryV2, reserved) == 16 && offsetof(MemoryV2, free) == 24 &&
              offsetof(MemoryV2, used) == 32);
static_assert(sizeof(TemperatureV1) == 12 && offsetof(TemperatureV1, sensor_type) == 4 &&
              offsetof(TemperatureV1, temperature) == 8);
static_assert(sizeof(Value) == 8);
static_assert(sizeof(Sample) == 16 && offsetof(Sample, value) == 8);
static_assert(sizeof(PciInfo) == 68 && offsetof(PciInfo, domain) == 16 &&
              offsetof(PciInfo, bus_id) == 36);
static_assert(sizeof(FieldValue) == 40 && offsetof(FieldValue, timestamp) == 8 &&
              offsetof(FieldValue, value_type) == 24 && offsetof(FieldValue, code) == 28 &&
              offsetof(FieldValue, value) == 32);
static_assert(sizeof(DeviceAttributes) == 40 &&
              offsetof(DeviceAttributes, gpu_instance_slices) == 24 &&
              offsetof(DeviceAttributes, memory_mib) == 32);
static_assert(sizeof(EventData) == 32 && offsetof(EventData, data) == 16 &&
              offsetof(EventData, gpu_instance) == 24);
static_assert(sizeof(GpmSupport) == 8 && sizeof(GpmMetric) == 40 &&
              offsetof(GpmMetric, value) == 8);
static_assert(offsetof(GpmMetricsGet, sample1) == 8 && offsetof(GpmMetricsGet, metrics) == 24);
static_assert(sizeof(ProcessInfo) == 24 && offsetof(ProcessInfo, used_gpu_memory) == 8 &&
              offsetof(ProcessInfo, gpu_instance) == 16);
static_assert(sizeof(ProcessUtilizationSample) == 32 &&
              offsetof(ProcessUtilizationSample, time_stamp) == 8 &&
              offsetof(ProcessUtilizationSample, sm) == 16);
static_assert(kMemoryV2Version == 0x02000028 && kTemperatureV1Version == 0x0100000c);

using nvmlInit_v2 = Return();
using nvmlShutdown = Return();
using nvmlSystemGetDriverVersion = Return(char* version, unsigned int length);
using nvmlDeviceGetCount_v2 = Return(unsigned int* count);
using nvmlDeviceGetHandleByIndex_v2 = Return(unsigned int index, Device* device);
using nvmlDeviceGetUUID = Return(Device device, char* uuid, unsigned int length);
using nvmlDeviceGetName = Return(Device device, char* name, unsigned int length);
using nvmlDeviceGetMinorNumber = Return(Device device, unsigned int* minor);
using nvmlDeviceGetPciInfo_v3 = Return(Device device, PciInfo* pci);
using nvmlDeviceGetSamples = Return(Device device, SamplingType type, unsigned long long last_seen,
                                    ValueType* value_type, unsigned int* count, Sample* samples);
using nvmlDeviceGetUtilizationRates = Return(Device device, Utilization* utilization);
using nvmlDeviceGetMemoryInfo = Return(Device device, Memory* memory);
using nvmlDeviceGetMemoryInfo_v2 = Return(Device device, MemoryV2* memory);
using nvmlDeviceGetTemperature = Return(Device device, TemperatureSensor sensor,
                                        unsigned int* celsius);
using nvmlDeviceGetTemperatureV = Return(Device device, TemperatureV1* temperature);
using nvmlDeviceGetPowerUsage = Return(Device device, unsigned int* milliwatts);
using nvmlDeviceGetFieldValues = Return(Device device, int count, FieldValue* values);
using nvmlDeviceGetPcieThroughput = Return(Device device, PcieCounter counter,
                                           unsigned int* kilobytes_per_second);
using nvmlDeviceGetMigMode = Return(Device device, unsigned int* current, unsigned int* pending);
using nvmlDeviceGetMaxMigDeviceCount = Return(Device device, unsigned int* count);
using nvmlDeviceGetMigDeviceHandleByIndex = Return(Device device, unsigned int index,
                                                   Device* mig_device);
using nvmlDeviceGetGpuInstanceId = Return(Device mig_device, unsigned int* id);
using nvmlDeviceGetComputeInstanceId = Return(Device mig_device, unsigned int* id);
using nvmlDeviceGetAttributes_v2 = Return(Device mig_device, DeviceAttributes* attributes);
using nvmlGpmQueryDeviceSupport = Return(Device device, GpmSupport* support);
using nvmlGpmSampleAlloc = Return(GpmSample* sample);
using nvmlGpmSampleFree = Return(GpmSample sample);
using nvmlGpmSampleGet = Return(Device device, GpmSample sample);
using nvmlGpmMigSampleGet = Return(Device device, unsigned int gpu_instance, GpmSample sample);
using nvmlGpmMetricsGet = Return(GpmMetricsGet* metrics);
using nvmlEventSetCreate = Return(EventSet* set);
using nvmlEventSetFree = Return(EventSet set);
using nvmlDeviceGetSupportedEventTypes = Return(Device device, unsigned long long* types);
using nvmlDeviceRegisterEvents = Return(Device device, unsigned long long types, EventSet set);
using nvmlEventSetWait_v2 = Return(EventSet set, EventData* event, unsigned int timeout_ms);
using nvmlDeviceGetComputeRunningProcesses_v3 = Return(Device device, unsigned int* count,
                                                       ProcessInfo* processes);
using nvmlDeviceGetGraphicsRunningProcesses_v3 = Return(Device device, unsigned int* count,
                                                        ProcessInfo* processes);
using nvmlDeviceGetMPSComputeRunningProcesses_v3 = Return(Device device, unsigned int* count,
                                                          ProcessInfo* processes);
using nvmlDeviceGetProcessUtilization = Return(Device device, ProcessUtilizationSample* samples,
                                               unsigned int* count, unsigned long long last_seen);

}  // namespace kgs::gpu::nvml::abi
