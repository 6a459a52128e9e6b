// SPDX-License-Identifier: Apache-2.0
//
// nvmlDeviceGetFieldValues.
#include <chrono>
#include <cstdlib>

#include "tests/fake_nvml/export.h"
#include "tests/fake_nvml/values.h"

using kgs::fake_nvml::Driver;
using kgs::fake_nvml::FieldScript;
using kgs::fake_nvml::GpuRings;
using kgs::fake_nvml::GpuScript;

FAKE_NVML_EXPORT abi::nvmlDeviceGetFieldValues nvmlDeviceGetFieldValues;

namespace {

constexpr double kMicrosPerSecond = 1e6;
/// What counters have counted before the driver was first asked.
constexpr double kCountedBeforeSeconds = 1000;

int64_t MicrosSince1970() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void Answer(const GpuScript& gpu, abi::FieldValue& field) {
  static const int64_t began = MicrosSince1970();
  const auto found = gpu.fields.find(field.field_id);
  field.code = abi::kNotSupported;
  if (found == gpu.fields.end()) return;
  const FieldScript& script = found->second;
  field.code = script.error ? static_cast<abi::Return>(*script.error) : abi::kSuccess;
  if (script.error) return;
  // A counter of links is asked for all of them.
  const bool of_links = field.field_id == abi::kFieldNvlinkDataTransmitted ||
                        field.field_id == abi::kFieldNvlinkDataReceived;
  if (of_links && field.scope_id != abi::kAllLinks) {
    field.code = abi::kInvalidArgument;
    return;
  }
  const int64_t now = MicrosSince1970();
  field.timestamp = script.time_us.value_or(now);
  field.value_type = static_cast<abi::ValueType>(script.type);
  if (script.per_second) {
    const double seconds =
        static_cast<double>(now - began) / kMicrosPerSecond + kCountedBeforeSeconds;
    field.value = kgs::fake_nvml::MakeValue(*script.per_second * seconds, script.type);
  } else if (script.type == abi::kUnsignedLongLong) {
    field.value.ull = std::strtoull(script.value.c_str(), nullptr, 10);
  } else {
    field.value =
        kgs::fake_nvml::MakeValue(std::strtod(script.value.c_str(), nullptr), script.type);
  }
}

}  // namespace

abi::Return nvmlDeviceGetFieldValues(abi::Device device, int count, abi::FieldValue* values) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    bool any = false;
    for (int i = 0; i < count; ++i) {
      Answer(gpu, values[i]);
      any |= values[i].code == abi::kSuccess;
    }
    return any ? abi::kSuccess : values[0].code;
  });
}
