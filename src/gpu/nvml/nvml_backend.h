// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "gpu/backend.h"

namespace kgs::gpu::nvml {

/// Reads NVIDIA GPUs through NVML, loaded at the first Open. \p library: a path or soname to load
/// instead of libnvidia-ml.so.1; empty for that one.
std::unique_ptr<Backend> MakeNvmlBackend(const std::string& library);

}  // namespace kgs::gpu::nvml
