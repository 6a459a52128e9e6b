// SPDX-License-Identifier: Apache-2.0
//
// What ROCm SMI's status codes mean to us. One table; a code that is not in it counts as unknown.
#pragma once

#include <string>

#include "gpu/rocm/abi.h"
#include "model/reading.h"

namespace kgs::gpu::rocm {

/// Stable words: "Not supported". A code that is not in the table is named by its number.
std::string Text(abi::Status status);

/// Why the value of a call that answered \p status is absent.
model::Missing MissingOf(abi::Status status);

/// The GPU, or the library, does not offer what was asked: another call may do instead.
inline bool IsUnsupported(abi::Status status) {
  return MissingOf(status) == model::Missing::kUnsupported;
}

/// "rsmi_dev_power_ave_get: Not supported".
std::string Describe(const char* call, abi::Status status);

/// An absent reading with that text.
model::Reading AbsentReading(const char* call, abi::Status status);

/// Every metric unsupported: what AMD GPUs offer is set after it.
model::Readings NothingOffered();

}  // namespace kgs::gpu::rocm
