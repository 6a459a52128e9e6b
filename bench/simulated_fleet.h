// SPDX-License-Identifier: Apache-2.0
//
// The fleet that bench-fleet simulates: which pod is where, and what every GPU shows in every
// second. Computed, never stored: the API server, the agents and the check of the answers each make
// their own and agree. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace kgs::bench {

inline constexpr int kGpusPerNode = 8;
inline constexpr int kWorkloads = 2000;
inline constexpr int kPods = 20000;
/// What the lookups ask for: the others have 9 or 10 pods.
inline constexpr int kLargeWorkload = 0;
inline constexpr int kPodsOfLargeWorkload = 64;
inline constexpr int kSmallWorkload = 1;
inline constexpr char kFleetNamespace[] = "inference";

/// GPUs in a row on one node; below one GPU a pod, several pods take turns on each.
struct SimulatedPod {
  int workload = 0;
  int node = 0;
  int first_gpu = 0;
  int gpus = 1;
  /// Pods that hold the same GPU, this one counted.
  int sharers = 1;
};

class SimulatedFleet {
 public:
  /// \p nodes of 1 to 4000. All of them report once a second, spread evenly over it.
  explicit SimulatedFleet(int nodes);

  int nodes() const { return static_cast<int>(pods_on_.size()); }
  const std::vector<SimulatedPod>& pods() const { return pods_; }
  /// Indices into pods().
  const std::vector<int>& PodsOn(int node) const { return pods_on_[static_cast<size_t>(node)]; }
  const std::vector<int>& PodsOf(int workload) const {
    return pods_of_[static_cast<size_t>(workload)];
  }

  static std::string NodeName(int node);
  static std::string WorkloadName(int workload);
  std::string PodName(int pod) const;
  static std::string GpuUuid(int node, int gpu);

  /// When a node sends its report of a second, counted from the start of all.
  base::Duration DueAt(int node, int64_t second) const;
  /// The last report that the node has sent by then; negative before its first.
  int64_t LastSecond(int node, base::Duration since_start) const;

 private:
  std::vector<SimulatedPod> pods_;
  std::vector<std::vector<int>> pods_on_;
  std::vector<std::vector<int>> pods_of_;
};

/// What a GPU shows is its own constant and so many steps: the sum over pods tells, by what is left
/// of whole steps, whose GPUs were added up and, by the steps, of which seconds.
///
/// The constant is below 32, in units of kValueResolution, so that sums are exact; of two GPUs it
/// hardly ever is the same.
inline constexpr double kValueResolution = 1.0 / (1 << 18);
double GpuConstant(int node, int gpu);
/// One more each second; begins anew after kMostSteps, which is longer than any size is measured.
inline constexpr double kStep = 1.0 / 8;
inline constexpr int kMostSteps = 512;
int StepsOf(int64_t second);
/// The metrics differ by their floor: percentages stay below 100. \p metric is its place in
/// catalogue::Metrics.
double ValueOf(int node, int gpu, int metric, int64_t second);

}  // namespace kgs::bench
