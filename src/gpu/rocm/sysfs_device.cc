// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/sysfs_device.h"

#include "gpu/plausible.h"
#include "gpu/rocm/status.h"
#include "gpu/rocm/sysfs.h"

namespace kgs::gpu::rocm {
namespace {

using model::MetricId;
using model::Reading;

/// A number that is not below zero.
FileNumber ReadCount(const std::string& folder, const char* name) {
  FileNumber number = ReadNumber(folder, name);
  if (number.value && *number.value < 0) {
    return {std::nullopt, NonsenseReading(name, "less than nothing")};
  }
  return number;
}

Reading ReadPercent(const std::string& folder, const char* name, base::SteadyTime taken) {
  const FileNumber percent = ReadCount(folder, name);
  if (!percent.value) return percent.absent;
  return PercentReading(name, static_cast<uint64_t>(*percent.value), taken);
}

Bytes ReadBytes(const std::string& folder, const char* name) {
  const FileNumber number = ReadCount(folder, name);
  Bytes bytes{.call = name, .value = std::nullopt, .absent = number.absent};
  if (number.value) bytes.value = static_cast<uint64_t>(*number.value);
  return bytes;
}

}  // namespace

DeviceSample SysfsDevice::Read(const base::Clock& clock) {
  const CallMark::Scope scope(mark_, "reading sysfs");
  const base::SteadyTime taken = clock.Now();
  DeviceSample sample;
  sample.readings = NothingOffered();
  sample.readings[MetricId::kGpuUtilization] = ReadPercent(folder_, "gpu_busy_percent", taken);
  sample.readings[MetricId::kMemoryUtilization] = ReadPercent(folder_, "mem_busy_percent", taken);
  SetMemory(ReadBytes(folder_, "mem_info_vram_used"), ReadBytes(folder_, "mem_info_vram_total"),
            taken, sample.readings);
  sample.readings[MetricId::kTemperature] = ReadHwmonTemperature(folder_, taken);
  sample.readings[MetricId::kPowerDraw] = ReadHwmonPower(folder_, taken);
  return sample;
}

}  // namespace kgs::gpu::rocm
