// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/device.h"

#include "gpu/plausible.h"
#include "gpu/rocm/status.h"
#include "gpu/rocm/sysfs.h"

namespace kgs::gpu::rocm {
namespace {

using model::MetricId;
using model::Missing;
using model::Reading;

/// The only power sensor of a GPU.
constexpr uint32_t kPowerSensor = 0;

bool IsUnsupported(const Reading& reading) {
  return !reading.has_value() && reading.reason() == Missing::kUnsupported;
}

}  // namespace

template <typename Function, typename... Args>
abi::Status RocmDevice::Call(const Symbol<Function>& symbol, Args... args) {
  session_over_ |= ticket_.expired();
  if (session_over_) return abi::kInvalidArguments;
  const abi::Status status = Invoke(mark_, symbol, place_.index, args...);
  session_over_ =
      status == abi::kInitError || (status == abi::kInvalidArguments && IsSessionOver());
  return status;
}

// A library may also dislike one call. To reopen on that would blind every GPU again and again, so
// it is asked which GPU this is: after rsmi_shut_down it knows none.
bool RocmDevice::IsSessionOver() {
  uint64_t pci_id = 0;
  const abi::Status status = Invoke(mark_, library_->pci_id, place_.index, &pci_id);
  if (status == abi::kSuccess) return pci_id != place_.pci_id;
  return status == abi::kInvalidArguments || status == abi::kInitError;
}

DeviceSample RocmDevice::Read(const base::Clock& clock) {
  session_over_ = false;
  DeviceSample sample;
  sample.readings = NothingOffered();
  sample.readings[MetricId::kGpuUtilization] = ReadPercent(library_->busy_percent, clock);
  sample.readings[MetricId::kMemoryUtilization] = ReadPercent(library_->memory_busy_percent, clock);
  const base::SteadyTime taken = clock.Now();
  const Bytes used = ReadBytes(library_->memory_usage);
  SetMemory(used, ReadBytes(library_->memory_total), taken, sample.readings);
  sample.readings[MetricId::kTemperature] = ReadTemperature(clock);
  sample.readings[MetricId::kPowerDraw] = ReadPower(clock);

  // What was read before the bad news goes too: the index may have been another GPU's.
  if (session_over_) {
    sample.session_broken = true;
    sample.readings = AllAbsent(Missing::kDriverError, "the session with ROCm SMI is over");
  }
  return sample;
}

Reading RocmDevice::ReadPercent(const Symbol<abi::rsmi_dev_busy_percent_get>& symbol,
                                const base::Clock& clock) {
  const base::SteadyTime taken = clock.Now();
  uint32_t percent = 0;
  const abi::Status status = Call(symbol, &percent);
  if (status != abi::kSuccess) return AbsentReading(symbol.name, status);
  return PercentReading(symbol.name, percent, taken);
}

Bytes RocmDevice::ReadBytes(const Symbol<abi::rsmi_dev_memory_total_get>& symbol) {
  Bytes bytes{.call = symbol.name};
  uint64_t value = 0;
  const abi::Status status = Call(symbol, abi::kVram, &value);
  if (status == abi::kSuccess) {
    bytes.value = value;
  } else {
    bytes.absent = AbsentReading(symbol.name, status);
  }
  return bytes;
}

Reading RocmDevice::ReadTemperature(const base::Clock& clock) {
  if (sensor_ != Sensor::kJunction) {
    Reading edge = ReadSensor(abi::kEdge, clock);
    if (edge.has_value()) sensor_ = Sensor::kEdge;
    if (sensor_ == Sensor::kEdge || !IsUnsupported(edge)) return edge;
  }
  Reading junction = ReadSensor(abi::kJunction, clock);
  if (junction.has_value()) sensor_ = Sensor::kJunction;
  return junction;
}

Reading RocmDevice::ReadSensor(abi::TemperatureSensor sensor, const base::Clock& clock) {
  const base::SteadyTime taken = clock.Now();
  const auto& symbol = library_->temperature;
  int64_t millicelsius = 0;
  const abi::Status status =
      Call(symbol, static_cast<uint32_t>(sensor), abi::kCurrentTemperature, &millicelsius);
  if (status != abi::kSuccess) return AbsentReading(symbol.name, status);
  return TemperatureReading(symbol.name, static_cast<double>(millicelsius) / 1000, taken);
}

Reading RocmDevice::ReadPower(const base::Clock& clock) {
  if (power_source_ != PowerSource::kUnknown) return ReadPowerFrom(power_source_, clock);
  Reading reading;
  for (const PowerSource source :
       {PowerSource::kPower, PowerSource::kAverage, PowerSource::kHwmon}) {
    reading = ReadPowerFrom(source, clock);
    if (reading.has_value()) power_source_ = source;
    // A source that fails is asked again: the next one may measure otherwise.
    if (!IsUnsupported(reading)) break;
  }
  return reading;
}

Reading RocmDevice::ReadPowerFrom(PowerSource source, const base::Clock& clock) {
  const base::SteadyTime taken = clock.Now();
  if (source == PowerSource::kHwmon) {
    const CallMark::Scope scope(mark_, "reading hwmon");
    return ReadHwmonPower(device_folder_, taken);
  }
  const bool newer = source == PowerSource::kPower;
  uint64_t microwatts = 0;
  abi::PowerType type = abi::kCurrentPower;
  const abi::Status status = newer ? Call(library_->power, &microwatts, &type)
                                   : Call(library_->power_average, kPowerSensor, &microwatts);
  const char* name = newer ? library_->power.name : library_->power_average.name;
  if (status != abi::kSuccess) return AbsentReading(name, status);
  return PowerReading(name, static_cast<double>(microwatts) / 1e6, taken);
}

}  // namespace kgs::gpu::rocm
