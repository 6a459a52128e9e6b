// SPDX-License-Identifier: Apache-2.0
//
// Whether a hub's number is the truth of a simulated fleet. Pure.
#pragma once

#include "base/clock.h"
#include "bench/simulated_fleet.h"

namespace kgs::bench {

enum class Verdict {
  kRight,
  /// Made of true values of the right GPUs, some of which a later report had replaced for longer
  /// than kOnTheWay: the machine, or the hub, is behind.
  kLate,
  kWrong,
};

/// From when a report is due until it must be in the answers.
inline constexpr auto kOnTheWay = std::chrono::milliseconds(500);
/// Readings of more than this must not be served at all.
inline constexpr auto kLongestReadingAge = std::chrono::seconds(3);

/// \p answer for gpu_utilization, AverageValue: the sum over the workload's pods of the highest of
/// each pod's GPUs. Every pod must be in it with exactly one of the values that its node sent
/// between kOnTheWay before \p asked and \p answered (both since the start of all; reports since
/// then are not known to the hub, and no report is sent before it is due). A pod too many or too
/// few, another's GPU, or a second too old is wrong.
Verdict CheckAnswer(const SimulatedFleet& fleet, int workload, double answer, base::Duration asked,
                    base::Duration answered);

}  // namespace kgs::bench
