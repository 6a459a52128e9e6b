// SPDX-License-Identifier: Apache-2.0
#include "bench/answer_check.h"

#include <algorithm>
#include <bitset>
#include <cmath>

namespace kgs::bench {
namespace {

/// Sums of the steps of all pods of a workload.
using Sums = std::bitset<static_cast<size_t>(kMostSteps) * kPodsOfLargeWorkload>;

/// Every sum that is made by one report of each pod, none older than \p longest_way.
Sums PossibleSums(const SimulatedFleet& fleet, int workload, base::Duration asked,
                  base::Duration answered, base::Duration longest_way) {
  Sums sums;
  sums.set(0);
  for (const int pod : fleet.PodsOf(workload)) {
    const int node = fleet.pods()[static_cast<size_t>(pod)].node;
    const int64_t oldest = std::max<int64_t>(fleet.LastSecond(node, asked - longest_way), 0);
    Sums with_pod;
    for (int64_t second = oldest; second <= fleet.LastSecond(node, answered); ++second) {
      with_pod |= sums << static_cast<size_t>(StepsOf(second));
    }
    sums = with_pod;
  }
  return sums;
}

double ConstantOf(const SimulatedPod& pod) {
  double highest = 0;
  for (int gpu = pod.first_gpu; gpu < pod.first_gpu + pod.gpus; ++gpu) {
    highest = std::max(highest, GpuConstant(pod.node, gpu));
  }
  return highest;
}

}  // namespace

Verdict CheckAnswer(const SimulatedFleet& fleet, int workload, double answer, base::Duration asked,
                    base::Duration answered) {
  double rest = answer;
  for (const int pod : fleet.PodsOf(workload)) {
    rest -= ConstantOf(fleet.pods()[static_cast<size_t>(pod)]);
  }
  // All terms are multiples of kValueResolution, and small: no rounding.
  const double steps = rest / kStep;
  if (!(steps >= 0 && steps < static_cast<double>(Sums().size())) || steps != std::floor(steps)) {
    return Verdict::kWrong;
  }
  const auto sum = static_cast<size_t>(steps);
  if (PossibleSums(fleet, workload, asked, answered, kOnTheWay).test(sum)) return Verdict::kRight;
  const bool late =
      PossibleSums(fleet, workload, asked, answered, kLongestReadingAge + kOnTheWay).test(sum);
  return late ? Verdict::kLate : Verdict::kWrong;
}

}  // namespace kgs::bench
