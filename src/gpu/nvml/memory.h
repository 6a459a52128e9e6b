// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "gpu/nvml/device_calls.h"
#include "model/reading.h"

namespace kgs::gpu::nvml {

/// The memory of a GPU or a MIG device.
class Memory {
 public:
  /// Fills the three metrics of memory.
  void Read(DeviceCalls& calls, const base::Clock& clock, model::Readings& readings);

 private:
  CallVerdict memory_info_v2_;
  CallVerdict memory_info_;
};

}  // namespace kgs::gpu::nvml
