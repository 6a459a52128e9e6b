// SPDX-License-Identifier: Apache-2.0
//
// The measurements of node_bench, as values for its report.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "bench/load.h"
#include "bench/server_process.h"

namespace kgs::bench {

/// How long what takes.
struct Plan {
  int rounds = 5;
  base::Duration warm_up = std::chrono::milliseconds(500);
  /// Of load on each server and round, by concurrent calls. At 16 the rounds make up the 60 s of
  /// load after which memory is compared.
  std::map<int, base::Duration> load = {{1, std::chrono::seconds(3)},
                                        {16, std::chrono::seconds(12)}};
  /// Without any load, to see the sampler alone.
  base::Duration idle = std::chrono::seconds(25);
};

/// The two servers under the same load, one after the other.
struct Round {
  LoadResult real;
  LoadResult empty;
  /// CPU time that the server's process took for a call, in microseconds.
  double real_cpu_us = 0;
  double empty_cpu_us = 0;
};

struct SamplerCpu {
  double window_seconds = 0;
  /// Of one core, over the sampler's threads.
  double percent = 0;
  /// The whole process, which does nothing else meanwhile.
  double process_percent = 0;
  /// By name of the sampler's threads, in percent of one core.
  std::map<std::string, double> threads;
};

struct Measurements {
  /// By concurrent calls.
  std::map<int, std::vector<Round>> rounds;
  Memory real_memory;
  Memory empty_memory;
  SamplerCpu sampler;
};

struct Servers {
  ServerProcess& real;
  ServerProcess& empty;
};

/// An error where both do not load the same shared libraries: their memory could not be compared.
/// \p driver, the file name of the driver's library, is left out.
absl::Status CheckLinkedAlike(const Servers& servers, const std::string& driver);

/// Says on standard output what it is doing.
absl::StatusOr<Measurements> Measure(const Servers& servers, const Plan& plan);

}  // namespace kgs::bench
