// SPDX-License-Identifier: Apache-2.0
//
// GetMetrics calls to a hub for workloads of a simulated fleet, one at a time, every answer
// checked.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "bench/simulated_fleet.h"
#include "externalscaler.grpc.pb.h"

namespace kgs::bench {

/// Of calls for one workload, or a few alike.
struct LookupTimes {
  size_t calls = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

struct LookupResult {
  LookupTimes large;
  LookupTimes small;
  /// All other workloads in turn.
  LookupTimes others;
  size_t answers_right = 0;
  /// True values that a later report should have replaced.
  size_t answers_late = 0;
};

/// Used by one thread.
class Lookups {
 public:
  /// \p start: when second 0 of the fleet began.
  Lookups(const SimulatedFleet& fleet, base::SteadyTime start, int port);

  /// Asks for the large workload, the small one and another in turn, for \p duration, a call each
  /// \p interval (zero: each at once after the last). \p last_report: when the agents were told to
  /// pause, where they were. An error where a call fails, an answer is wrong, or the check would
  /// have let a wrong one pass.
  absl::StatusOr<LookupResult> Run(base::Duration duration, base::Duration interval,
                                   std::optional<base::SteadyTime> last_report);

 private:
  absl::StatusOr<base::Duration> Ask(int workload, std::optional<base::SteadyTime> last_report,
                                     LookupResult& result);

  const SimulatedFleet& fleet_;
  const base::SteadyTime start_;
  const std::unique_ptr<externalscaler::ExternalScaler::Stub> stub_;
  int next_other_ = kSmallWorkload + 1;
};

}  // namespace kgs::bench
