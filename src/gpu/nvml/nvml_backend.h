// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "gpu/backend.h"

namespace kgs::gpu::nvml {

/// Reads NVIDIA GPUs through NVML, loaded at the first Open and never unloaded. \p library: a path
/// or soname to load instead of libnvidia-ml.so.1; empty for that one. \p per_process: also read
/// which processes use a GPU. Destroying the backend does
/// not close the driver, since a lane may be stuck in a call: its owner calls Close where none is.
std::unique_ptr<Backend> MakeNvmlBackend(const std::string& library, bool per_process = false);

}  // namespace kgs::gpu::nvml
