// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "model/gpu.h"

namespace kgs::sampling {

/// "GPU 3 (GPU-...)".
std::string NameOf(const model::GpuIdentity& gpu);
/// Logs that \p gpu has come to be in \p state; \p reason says why where it is not present.
void LogState(const model::GpuIdentity& gpu, model::DeviceState state, const std::string& reason);

}  // namespace kgs::sampling
