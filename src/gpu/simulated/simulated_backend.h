// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "gpu/backend.h"

namespace kgs::gpu::simulated {

/// GPUs and their load over time as a YAML file describes them (docs/simulated-gpus.md). The file
/// is read now, and again whenever it changes; a change that does not parse is logged once and the
/// last good content stays. INVALID_ARGUMENT, with file and line, where it does not parse now.
absl::StatusOr<std::unique_ptr<Backend>> MakeSimulatedBackend(const std::string& file,
                                                              const base::Clock& clock);

}  // namespace kgs::gpu::simulated
