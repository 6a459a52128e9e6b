// SPDX-License-Identifier: Apache-2.0
//
// What a driver says of the health of the GPUs that a workload's pods hold. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "decision/sight.h"
#include "model/node_snapshot.h"
#include "trigger/trigger.h"

namespace kgs::decision {

/// An XID error is worth a warning for so long.
inline constexpr base::Duration kXidOfLate = std::chrono::hours(1);

/// Whether XID \p code is for the application's own doing rather than the GPU's: those that
/// NVIDIA's device plugin passes over as well (k8s-device-plugin internal/rm/health.go).
bool IsApplicationXid(uint64_t code);

/// What is wrong with \p gpu at \p now, in words that stay the same until something happens; empty
/// where nothing is: "had within the last hour XID 79 (3 times since its agent started); its driver
/// asks for: gpu_reset".
std::string HealthText(const model::GpuHealth& health, base::SteadyTime now);

/// A warning of the GPUs of \p sight's pods that have such trouble, or empty. A MIG device has that
/// of its GPU too.
std::string GpuTrouble(const Sight& sight, base::SteadyTime now);

/// The same of the GPUs of \p node, and which of them are lost: "GPU 3 (GPU-...) is lost: ...".
/// Only of GPU \p gpu_index where that is not trigger::kAllGpus. What a MIG device has of its GPU
/// is said of the GPU alone.
std::vector<std::string> GpuTroubles(const model::NodeSnapshot& node, int gpu_index,
                                     base::SteadyTime now);

}  // namespace kgs::decision
