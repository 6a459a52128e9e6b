// SPDX-License-Identifier: Apache-2.0
//
// What NVML's return codes mean to us. One table; a code that is not in it counts as Unknown Error.
#pragma once

#include <string>

#include "gpu/nvml/abi.h"
#include "model/reading.h"

namespace kgs::gpu::nvml {

/// What a failed call says beyond the one value that it did not give.
enum class Effect {
  /// This call failed, this time.
  kThisCall,
  /// The call will never work on this GPU while the driver stays open.
  kCallNeverWorks,
  /// The GPU is off the bus or wants a reset.
  kGpuLost,
  /// This process may not open the GPU.
  kNotPermitted,
  /// The handle may be of an earlier session.
  kHandleInDoubt,
  /// The driver session is over and must be opened anew.
  kSessionOver,
};

/// Stable words, NVML's own where it has any: "Not Supported". A code that is not in the table is
/// named by its number.
std::string Text(abi::Return code);

/// Why the value of a call that answered \p code is absent.
model::Missing MissingOf(abi::Return code);

Effect EffectOf(abi::Return code);

/// "nvmlDeviceGetPowerUsage: Not Supported".
std::string Describe(const char* call, abi::Return code);

/// An absent reading with that text.
model::Reading AbsentReading(const char* call, abi::Return code);

}  // namespace kgs::gpu::nvml
