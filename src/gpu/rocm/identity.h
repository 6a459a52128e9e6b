// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/call_mark.h"
#include "gpu/rocm/device.h"
#include "gpu/rocm/library.h"
#include "gpu/rocm/sysfs.h"
#include "model/gpu.h"

namespace kgs::gpu::rocm {

/// What the library says of the GPU at one index.
struct Identification {
  /// Success, or why the GPU cannot be told from others, by which call.
  abi::Status status = abi::kSuccess;
  const char* call = "";
  Place place;
  model::GpuIdentity identity;
  /// Its card; a number below 0 where sysfs shows none of its address.
  Card card{-1, ""};
};

/// The PCI address must be had, and the unique id of a GPU that has one: by another UUID it would
/// be another GPU. Where it has none its UUID is that address. The rest may be missing.
Identification Identify(const Library& library, CallMark& mark, uint32_t index, const Sysfs& sysfs,
                        const std::vector<Card>& cards);

}  // namespace kgs::gpu::rocm
