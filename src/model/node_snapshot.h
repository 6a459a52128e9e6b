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
#include "model/process_use.h"
#include "model/reading.h"

namespace kgs::model {

/// XID errors of one code (docs.nvidia.com/deploy/xid-errors) since the process started.
struct XidCount {
  uint64_t code = 0;
  uint64_t count = 0;
  base::SteadyTime last;
};

/// What the driver says of a GPU's state, beside its readings.
struct GpuHealth {
  /// What it wants to have done to the GPU ("gpu_reset"); empty where that is nothing, or not told.
  std::string recovery_action;
  /// By code; at most kMostXidCodes.
  std::vector<XidCount> xids;
};
inline constexpr size_t kMostXidCodes = 32;

struct GpuSnapshot {
  GpuIdentity identity;
  DeviceState state = DeviceState::kPresent;
  /// Why it is lost or not permitted; empty while present.
  std::string state_reason;
  Readings readings;
  /// The driver call that has not returned for so long that it counts as hung; else empty.
  std::string hung_call;
  /// The same of a call that blocks for long by its nature, which keeps no other reading. Hubs are
  /// not told.
  std::string hung_slow_call;
  GpuHealth health;
  /// On the way to a snapshot only: what pod_uses is made of.
  std::optional<ProcessUses> processes;
  /// What pods use of the GPU; only where it is read by process.
  std::optional<PodUses> pod_uses;
};

/// A driver that GPUs are read through.
struct SourceHealth {
  /// The backend's name: "nvml", "rocm".
  std::string backend;
  bool open = false;
  /// What is wrong, in words that do not change from poll to poll; empty while all is well.
  std::string problem;
  /// Empty until known.
  std::string driver_version;
  /// Since when it could not be opened; nothing while it is open or was not tried yet.
  std::optional<base::SteadyTime> closed_since;
  /// Nobody misses this driver: it does not open, the node has no GPU of its vendor, and another
  /// vendor's driver is there. Then there is no problem. Not set where no driver is there at all.
  /// Hubs are not told.
  bool absent = false;
  /// The driver on the node was replaced under us: only a new process can load the new one.
  bool needs_new_process = false;
  /// It is closed because we were asked to let go of it.
  bool released = false;
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
