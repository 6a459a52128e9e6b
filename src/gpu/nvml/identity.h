// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "gpu/call_mark.h"
#include "gpu/nvml/library.h"
#include "model/gpu.h"

namespace kgs::gpu::nvml {

/// What the driver says of the GPU at one index.
struct Identification {
  /// Success, or the first answer that stops us from reading the GPU, and the call that gave it.
  abi::Return code = abi::kSuccess;
  const char* call = "";
  abi::Device handle = nullptr;
  /// Only the index is sure to be set where code is not Success.
  model::GpuIdentity identity;
};

/// Handle and UUID must be had; name, minor number and bus id may be missing.
Identification Identify(const Library& library, CallMark& mark, unsigned int index);

/// Sets \p uuid on success. An empty one counts as Unknown Error: it is the key of a GPU.
abi::Return ReadUuid(const Library& library, CallMark& mark, abi::Device handle, std::string& uuid);

/// The text in a buffer that the driver filled, with or without an end mark.
std::string TextIn(const char* buffer, size_t size);

}  // namespace kgs::gpu::nvml
