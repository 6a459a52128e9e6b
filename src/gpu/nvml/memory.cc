// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/memory.h"

#include "gpu/plausible.h"

namespace kgs::gpu::nvml {

using model::Readings;

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
  Bytes used{.call = symbol->name};
  Bytes total{.call = symbol->name};
  if (code == abi::kSuccess) {
    used.value = memory.used;
    total.value = memory.total;
  } else {
    used.absent = total.absent = AbsentReading(symbol->name, code);
  }
  SetMemory(used, total, taken, readings);
}

}  // namespace kgs::gpu::nvml
