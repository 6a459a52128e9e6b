// SPDX-License-Identifier: Apache-2.0
//
// The exported functions of events: the xid lines of the script, each told once to a set that its
// GPU is registered with.
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "tests/fake_nvml/export.h"

using kgs::fake_nvml::Driver;
using kgs::fake_nvml::GpuRings;
using kgs::fake_nvml::GpuScript;
using kgs::fake_nvml::XidScript;

FAKE_NVML_EXPORT abi::nvmlEventSetCreate nvmlEventSetCreate;
FAKE_NVML_EXPORT abi::nvmlEventSetFree nvmlEventSetFree;
FAKE_NVML_EXPORT abi::nvmlDeviceGetSupportedEventTypes nvmlDeviceGetSupportedEventTypes;
FAKE_NVML_EXPORT abi::nvmlDeviceRegisterEvents nvmlDeviceRegisterEvents;
FAKE_NVML_EXPORT abi::nvmlEventSetWait_v2 nvmlEventSetWait_v2;

struct abi::EventSetHandle {
  std::vector<abi::Device> devices;
  /// By device and number: what was told, or was there before anybody listened.
  std::set<std::pair<abi::Device, uint64_t>> told;
};

namespace {

abi::Return Ok(const kgs::fake_nvml::Script&) { return abi::kSuccess; }

}  // namespace

abi::Return nvmlEventSetCreate(abi::EventSet* set) {
  const abi::Return code = Driver::Instance().OnDriver(__func__, Ok);
  if (code != abi::kSuccess) return code;
  *set = new abi::EventSetHandle;
  Driver::Instance().CountHeld(+1);
  return code;
}

abi::Return nvmlEventSetFree(abi::EventSet set) {
  const abi::Return code = Driver::Instance().OnDriver(__func__, Ok);
  if (code != abi::kSuccess) return code;
  delete set;
  Driver::Instance().CountHeld(-1);
  return code;
}

abi::Return nvmlDeviceGetSupportedEventTypes(abi::Device device, unsigned long long* types) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    *types = static_cast<unsigned long long>(gpu.event_types);
    return abi::kSuccess;
  });
}

abi::Return nvmlDeviceRegisterEvents(abi::Device device, unsigned long long types,
                                     abi::EventSet set) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    if ((types & ~static_cast<unsigned long long>(gpu.event_types)) != 0) return abi::kNotSupported;
    set->devices.push_back(device);
    for (const XidScript& xid : gpu.xids) set->told.emplace(device, xid.number);
    return abi::kSuccess;
  });
}

abi::Return nvmlEventSetWait_v2(abi::EventSet set, abi::EventData* event, unsigned int timeout_ms) {
  const abi::Return code = Driver::Instance().OnDriver(__func__, Ok);
  if (code != abi::kSuccess) return code;
  for (const abi::Device device : set->devices) {
    const abi::Return told =
        Driver::Instance().OnGpu("", device, [&](const GpuScript& gpu, GpuRings&) {
          for (const XidScript& xid : gpu.xids) {
            if (!set->told.emplace(device, xid.number).second) continue;
            *event = {device, abi::kEventXid, xid.code, xid.gpu_instance.value_or(abi::kNoInstance),
                      abi::kNoInstance};
            return abi::kSuccess;
          }
          return abi::kTimeout;
        });
    if (told == abi::kSuccess) return told;
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(timeout_ms));
  return abi::kTimeout;
}
