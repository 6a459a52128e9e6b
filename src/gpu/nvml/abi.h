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

}  // namespace kgs::gpu::nvml::abi
