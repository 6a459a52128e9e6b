// SPDX-License-Identifier: Apache-2.0
//
// What one replica shows at one moment, without what was before. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "decision/units.h"
#include "trigger/trigger.h"

namespace kgs::decision {

struct UnitReading {
  /// u: the aggregate over the GPUs of the unit, or over the engines of its pods; finite and at
  /// least 0. Nothing where any of them has no fresh reading, and then why says so.
  std::optional<double> value;
  std::string why;
  /// When the oldest and the newest reading of it were taken.
  base::SteadyTime oldest;
  base::SteadyTime newest;
  /// The value is that of engines, or would be.
  bool of_engine = false;
  /// Its engines sleep: it answers, has no load and can take none.
  bool asleep = false;
  /// What the spec's engine_load reads, where the value is that of engines and there is one.
  std::optional<double> load;
  /// Of a metric of held memory: how full the memory is, in percent.
  std::optional<double> memory_percent;
  /// Of such a metric: the gpu_utilization of the busiest GPU.
  std::optional<double> gpu_utilization;
  /// A GPU of it is shared with other pods, and the value is of all of them.
  bool shared = false;
  /// The reading is that of more MIG devices than the unit's.
  bool mig_shared = false;
  /// A GPU of it is shared with other pods, and the value is of the unit's own processes.
  bool split = false;
  /// The pod that has no such GPU as gpuIndex names, in words; else empty.
  std::string no_such_gpu;
};

/// Of a shared GPU that is read by process, utilization and memory are those of the pod's own
/// processes. Else what adds up (requests, MiB, watts, bytes a second) of a shared GPU is divided
/// by its shares, and what MIG devices have in common by their number; a percentage is the GPU's,
/// or that of them all.
UnitReading ReadUnit(const trigger::TriggerSpec& spec, const Unit& unit, base::SteadyTime now);

/// Whether all pods of \p unit are Ready now.
bool IsReady(const Unit& unit);

}  // namespace kgs::decision
