// SPDX-License-Identifier: Apache-2.0
//
// What we use of ROCm SMI's binary interface, in our own words; the same in every release so far.
// tests/rocm_abi compiles this file against AMD's rocm_smi.h. Functions are bound by name at run
// time (library.h); the aliases here are their types, named as the symbols.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kgs::gpu::rocm::abi {

/// rsmi_status_t. Libraries may answer codes that are not listed here.
enum Status : uint32_t {
  kSuccess = 0,
  /// Also what every call on a GPU answers after rsmi_shut_down.
  kInvalidArguments = 1,
  kNotSupported = 2,
  kFileError = 3,
  kPermission = 4,
  kOutOfResources = 5,
  kInternalException = 6,
  kInputOutOfBounds = 7,
  kInitError = 8,
  kNotYetImplemented = 9,
  kNotFound = 10,
  kInsufficientSize = 11,
  kInterrupt = 12,
  kUnexpectedSize = 13,
  kNoData = 14,
  kUnexpectedData = 15,
  kBusy = 16,
  kRefcountOverflow = 17,
  kSettingUnavailable = 18,
  kRestartError = 19,
  /// Ours: the library has no such function.
  kNoSuchFunction = 0xfffffffe,
  kUnknown = 0xffffffff,
};

/// Of rsmi_init. Locks between threads of this process alone, rather than between all processes by
/// a file in /dev/shm that one which was killed leaves locked. Releases before 5.5 do not know it
/// and take no notice.
inline constexpr uint64_t kThreadOnlyMutex = 0x400000000000000;

enum MemoryType : uint32_t { kVram = 0 };
enum TemperatureSensor : uint32_t { kEdge = 0, kJunction = 1 };
enum TemperatureMetric : uint32_t { kCurrentTemperature = 0 };
/// Whether rsmi_dev_power_get answered an average or the present value.
enum PowerType : uint32_t { kAveragePower = 0, kCurrentPower = 1 };
enum SoftwareComponent : uint32_t { kDriver = 0 };

static_assert(sizeof(Status) == 4 && sizeof(PowerType) == 4 && sizeof(size_t) == 8);

using rsmi_init = Status(uint64_t flags);
using rsmi_shut_down = Status();
using rsmi_num_monitor_devices = Status(uint32_t* count);
using rsmi_version_str_get = Status(SoftwareComponent component, char* text, uint32_t length);
/// domain << 32 | partition << 28 (newer releases) | bus << 8 | device << 3 | function.
using rsmi_dev_pci_id_get = Status(uint32_t index, uint64_t* id);
using rsmi_dev_unique_id_get = Status(uint32_t index, uint64_t* id);
using rsmi_dev_name_get = Status(uint32_t index, char* name, size_t length);
/// Percent.
using rsmi_dev_busy_percent_get = Status(uint32_t index, uint32_t* percent);
using rsmi_dev_memory_busy_percent_get = Status(uint32_t index, uint32_t* percent);
/// Bytes.
using rsmi_dev_memory_total_get = Status(uint32_t index, MemoryType type, uint64_t* bytes);
using rsmi_dev_memory_usage_get = Status(uint32_t index, MemoryType type, uint64_t* bytes);
/// Thousandths of a degree Celsius.
using rsmi_dev_temp_metric_get = Status(uint32_t index, uint32_t sensor, TemperatureMetric metric,
                                        int64_t* millicelsius);
/// Microwatts. The first is in releases from 5.7 on.
using rsmi_dev_power_get = Status(uint32_t index, uint64_t* microwatts, PowerType* type);
using rsmi_dev_power_ave_get = Status(uint32_t index, uint32_t sensor, uint64_t* microwatts);

}  // namespace kgs::gpu::rocm::abi
