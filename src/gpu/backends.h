// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "gpu/backend.h"

namespace kgs::gpu {

struct BackendOptions {
  /// "auto", or a backend's name. "auto" is every real vendor; it never simulates, since made-up
  /// load would scale a real fleet.
  std::string backend = "auto";
  /// A library to load instead of libnvidia-ml.so.1; empty for that one.
  std::string nvml_library;
  /// A library to load instead of librocm_smi64; empty for that one.
  std::string rocm_library;
  /// The YAML file of the simulated backend.
  std::string simulated_gpus;
  /// Read which processes use a GPU, where the backend can. Needs the node's PID namespace.
  bool per_process = false;
  /// Where the kernel shows its devices; another place is for tests.
  std::string sysfs = "/sys";
};

/// What --gpu-backend accepts, "auto" first.
std::vector<std::string> BackendNames();

/// The backends that \p options ask for. INVALID_ARGUMENT names the option that is wrong. Touches
/// no driver. \p clock must outlive them.
absl::StatusOr<std::vector<std::unique_ptr<Backend>>> MakeBackends(const BackendOptions& options,
                                                                   const base::Clock& clock);

}  // namespace kgs::gpu
