// SPDX-License-Identifier: Apache-2.0
//
// Who uses a GPU that several may: by process, as a driver tells it, and by pod.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace kgs::model {

/// What one process uses of one GPU.
struct ProcessUse {
  /// In the PID namespace of the node.
  uint32_t pid = 0;
  /// Nothing where the driver does not tell it.
  std::optional<uint64_t> memory_bytes;
  /// Of the GPU's time, in percent.
  double utilization = 0;
};

/// All processes of one GPU at one moment. Never leaves the node: pids mean nothing elsewhere.
struct ProcessUses {
  /// When the driver was asked.
  base::SteadyTime taken;
  /// By pid, each once.
  std::vector<ProcessUse> processes;
  /// Why nothing is known of memory, or of utilization, by process, in words that do not change
  /// from poll to poll; else empty.
  std::string memory_problem;
  std::string utilization_problem;
  /// Utilization cannot be told at this moment and will be again, as at the beginning of a session:
  /// what was read before may stand in until it is stale. Memory is not concerned.
  bool utilization_not_ready = false;
};

/// What the processes of one pod use of one GPU.
struct PodUse {
  std::string pod_uid;
  /// The sum over them, in percent of the GPU's time, at most 100.
  double utilization = 0;
  /// Nothing where the driver does not tell it of one of them.
  std::optional<double> memory_mib;
};

/// What pods use of one GPU. A pod that is not among them has no process there.
struct PodUses {
  /// When the driver was asked.
  base::SteadyTime taken;
  /// By pod_uid, each once. Empty where both problems are set.
  std::vector<PodUse> pods;
  /// As ProcessUses has them.
  std::string memory_problem;
  std::string utilization_problem;
  /// When the driver was asked for utilization, where that was before `taken`: it could not be told
  /// then, and the last stands in.
  std::optional<base::SteadyTime> utilization_taken{};

  base::SteadyTime UtilizationTaken() const { return utilization_taken.value_or(taken); }
};

}  // namespace kgs::model
