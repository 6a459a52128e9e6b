// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "gpu/backend.h"

namespace kgs::gpu::rocm {

/// Reads AMD GPUs through ROCm SMI, loaded at the first Open that finds an AMD GPU in sysfs and
/// never unloaded. \p library: a path or soname to load instead of librocm_smi64; empty for that
/// one. \p sysfs: "/sys". Destroying the backend does not close the library, since a lane may be
/// stuck in a call: its owner calls Close where none is.
std::unique_ptr<Backend> MakeRocmBackend(const std::string& library, const std::string& sysfs);

}  // namespace kgs::gpu::rocm
