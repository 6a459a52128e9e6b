// SPDX-License-Identifier: Apache-2.0
//
// All that is known of one node's GPUs at one moment. Built by sampling, never changed afterwards.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/gpu.h"
#include "model/reading.h"

namespace kgs::model {

struct GpuSnapshot {
  GpuIdentity identity;
  DeviceState state = DeviceState::kPresent;
  /// Why it is lost or not permitted; empty while present.
  std::string state_reason;
  Readings readings;
  /// The driver call that has not returned for so long that it counts as hung; else empty.
  std::string hung_call;
};

/// A driver that GPUs are read through.
struct SourceHealth {
  /// The backend's name: "nvml".
  std::string backend;
  bool open = false;
  /// What is wrong, in words that do not change from poll to poll; empty while all is well.
  std::string problem;
  /// Empty until known.
  std::string driver_version;
  /// Since when it could not be opened; nothing while it is open or was not tried yet.
  std::optional<base::SteadyTime> closed_since;
  /// The driver on the node was replaced under us: only a new process can load the new one.
  bool needs_new_process = false;
};

struct NodeSnapshot {
  /// Counts from 1; 0 is never published.
  uint64_t sequence = 0;
  base::SteadyTime taken;
  std::vector<SourceHealth> sources;
  /// By driver index, lost ones included.
  std::vector<GpuSnapshot> gpus;
};

}  // namespace kgs::model
