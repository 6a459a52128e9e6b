// SPDX-License-Identifier: Apache-2.0
//
// The exported functions that tell of processes.
#include <algorithm>
#include <chrono>
#include <vector>

#include "gpu/nvml/abi.h"
#include "tests/fake_nvml/driver.h"
#include "tests/fake_nvml/process_script.h"

namespace abi = kgs::gpu::nvml::abi;
using kgs::fake_nvml::Driver;
using kgs::fake_nvml::GpuRings;
using kgs::fake_nvml::GpuScript;
using kgs::fake_nvml::ProcessList;
using kgs::fake_nvml::ProcessScript;

#define FAKE_NVML_EXPORT extern "C" __attribute__((visibility("default")))

#ifndef FAKE_NVML_OLD
FAKE_NVML_EXPORT abi::nvmlDeviceGetComputeRunningProcesses_v3
    nvmlDeviceGetComputeRunningProcesses_v3;
FAKE_NVML_EXPORT abi::nvmlDeviceGetGraphicsRunningProcesses_v3
    nvmlDeviceGetGraphicsRunningProcesses_v3;
FAKE_NVML_EXPORT abi::nvmlDeviceGetMPSComputeRunningProcesses_v3
    nvmlDeviceGetMPSComputeRunningProcesses_v3;
#else
FAKE_NVML_EXPORT abi::nvmlDeviceGetComputeRunningProcesses_v3
    nvmlDeviceGetComputeRunningProcesses_v2;
FAKE_NVML_EXPORT abi::nvmlDeviceGetGraphicsRunningProcesses_v3
    nvmlDeviceGetGraphicsRunningProcesses_v2;
#endif
FAKE_NVML_EXPORT abi::nvmlDeviceGetProcessUtilization nvmlDeviceGetProcessUtilization;

namespace {

constexpr unsigned int kGarbageEntries = 100;

/// Copies \p entries where there is room, as NVML does.
template <typename Entry>
abi::Return Answer(const GpuScript& gpu, const std::vector<Entry>& entries, unsigned int* count,
                   Entry* room) {
  const auto available = static_cast<unsigned int>(entries.size());
  if (*count < gpu.process_room) {
    *count = 0;
    return abi::kInsufficientSize;
  }
  if (gpu.processes_refused || room == nullptr || *count < available) {
    const bool fits = !gpu.processes_refused && available == 0;
    *count = gpu.processes_refused ? *count + 1 : available;
    return fits ? abi::kSuccess : abi::kInsufficientSize;
  }
  *count = available;
  std::copy(entries.begin(), entries.end(), room);
  return abi::kSuccess;
}

abi::Return List(const char* symbol, abi::Device device, ProcessList list, unsigned int* count,
                 abi::ProcessInfo* room) {
  constexpr unsigned long long kMib = 1024ULL * 1024ULL;
  constexpr unsigned int kNoInstance = ~0U;
  return Driver::Instance().OnGpu(symbol, device, [&](const GpuScript& gpu, GpuRings&) {
    std::vector<abi::ProcessInfo> entries;
    for (const ProcessScript& process : gpu.processes) {
      if (process.list != list) continue;
      const unsigned long long memory =
          process.memory_mib < 0 ? abi::kMemoryNotAvailable
                                 : static_cast<unsigned long long>(process.memory_mib) * kMib;
      entries.push_back({process.pid, memory, kNoInstance, kNoInstance});
    }
    return Answer(gpu, entries, count, room);
  });
}

/// Rises with every call.
unsigned long long NextStamp() {
  static unsigned long long last = 0;  // Under the driver's lock.
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  last =
      std::max(last + 1, static_cast<unsigned long long>(
                             std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
  return last;
}

/// Entries that say nothing, of each kind that drivers are known to fill up with.
void AddGarbage(unsigned long long stamp, unsigned long long last_seen,
                std::vector<abi::ProcessUtilizationSample>& samples) {
  for (unsigned int i = 0; samples.size() < kGarbageEntries; ++i) {
    const unsigned int pid = samples.empty() ? 1 : samples.front().pid;
    const abi::ProcessUtilizationSample kinds[] = {
        {pid, 0, 99, 0, 0, 0}, {pid, last_seen, 98, 0, 0, 0}, {pid, stamp, 4000000000U, 0, 0, 0}};
    samples.push_back(kinds[i % 3]);
  }
}

}  // namespace

#ifndef FAKE_NVML_OLD

abi::Return nvmlDeviceGetComputeRunningProcesses_v3(abi::Device device, unsigned int* count,
                                                    abi::ProcessInfo* processes) {
  return List(__func__, device, ProcessList::kCompute, count, processes);
}

abi::Return nvmlDeviceGetGraphicsRunningProcesses_v3(abi::Device device, unsigned int* count,
                                                     abi::ProcessInfo* processes) {
  return List(__func__, device, ProcessList::kGraphics, count, processes);
}

abi::Return nvmlDeviceGetMPSComputeRunningProcesses_v3(abi::Device device, unsigned int* count,
                                                       abi::ProcessInfo* processes) {
  return List(__func__, device, ProcessList::kMps, count, processes);
}

#else

abi::Return nvmlDeviceGetComputeRunningProcesses_v2(abi::Device device, unsigned int* count,
                                                    abi::ProcessInfo* processes) {
  return List(__func__, device, ProcessList::kCompute, count, processes);
}

abi::Return nvmlDeviceGetGraphicsRunningProcesses_v2(abi::Device device, unsigned int* count,
                                                     abi::ProcessInfo* processes) {
  return List(__func__, device, ProcessList::kGraphics, count, processes);
}

#endif  // FAKE_NVML_OLD

abi::Return nvmlDeviceGetProcessUtilization(abi::Device device,
                                            abi::ProcessUtilizationSample* samples,
                                            unsigned int* count, unsigned long long last_seen) {
  return Driver::Instance().OnGpu(__func__, device, [&](const GpuScript& gpu, GpuRings&) {
    if (gpu.is_mig) return abi::kNotSupported;
    const unsigned long long stamp =
        NextStamp() + static_cast<unsigned long long>(gpu.process_clock_s * 1'000'000);
    std::vector<abi::ProcessUtilizationSample> entries;
    for (const ProcessScript& process : gpu.processes) {
      if (process.sm > 0) entries.push_back({process.pid, stamp, process.sm, 0, 0, 0});
    }
    if (gpu.process_stray && !gpu.processes.empty()) {
      entries.push_back({gpu.processes.front().pid, stamp + 3600'000'000ULL, 99, 0, 0, 0});
    }
    if (gpu.process_stray_at > 0 && !gpu.processes.empty()) {
      const auto at = static_cast<unsigned long long>(gpu.process_stray_at);
      entries.push_back({gpu.processes.front().pid, at, 99, 0, 0, 0});
    }
    std::erase_if(entries, [&](const auto& entry) { return entry.time_stamp <= last_seen; });
    if (gpu.process_garbage) AddGarbage(stamp, last_seen, entries);
    if (entries.empty()) return abi::kNotFound;
    return Answer(gpu, entries, count, samples);
  });
}
