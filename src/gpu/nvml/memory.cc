// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/memory.h"

namespace kgs::gpu::nvml {
namespace {

using model::MetricId;
using model::Reading;
using model::Readings;

constexpr double kBytesPerMib = 1024.0 * 1024.0;

void SetMemory(Readings& readings, const Reading& used, const Reading& total,
               const Reading& percent) {
  readings[MetricId::kMemoryUsedMib] = used;
  readings[MetricId::kMemoryTotalMib] = total;
  readings[MetricId::kMemoryUsedPercent] = percent;
}

}  // namespace

// The two calls differ in whether "used" includes what the driver reserves for itself; a session
// stays with the one that works, so the difference is never seen as a change.
void Memory::Read(DeviceCalls& calls, const base::Clock& clock, Readings& readings) {
  const base::SteadyTime taken = clock.Now();
  const SymbolBase* symbol = &calls.library().memory_info_v2;
  abi::MemoryV2 memory{};
  memory.version = abi::kMemoryV2Version;
  abi::Return code = calls.Call(calls.library().memory_info_v2, memory_info_v2_, &memory);
  if (EffectOf(code) == Effect::kCallNeverWorks) {
    symbol = &calls.library().memory_info;
    abi::Memory older{};
    code = calls.Call(calls.library().memory_info, memory_info_, &older);
    memory.total = older.total;
    memory.used = older.used;
  }
  if (code != abi::kSuccess) {
    const Reading absent = AbsentReading(symbol->name, code);
    return SetMemory(readings, absent, absent, absent);
  }
  if (memory.total == 0 || memory.used > memory.total) {
    const Reading absent = NonsenseReading(
        symbol->name, memory.total == 0 ? "a total of 0" : "more used than there is");
    return SetMemory(readings, absent, absent, absent);
  }
  const auto used = static_cast<double>(memory.used);
  const auto total = static_cast<double>(memory.total);
  SetMemory(readings, Reading::Value(used / kBytesPerMib, taken),
            Reading::Value(total / kBytesPerMib, taken), Reading::Value(100 * used / total, taken));
}

}  // namespace kgs::gpu::nvml
