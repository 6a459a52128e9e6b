// SPDX-License-Identifier: Apache-2.0
//
// The measurements of fleet_bench, as values for its report.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "bench/lookups.h"
#include "bench/server_process.h"

namespace kgs::bench {

/// The programs, and where their logs go.
struct FleetPrograms {
  std::string scaler;
  std::string bare_server;
  std::string agents;
  /// Beginning of the names of files beside the report.
  std::string out;
};

/// How long what takes.
struct FleetPlan {
  /// Of the largest fleet; it becomes smaller where the machine is too slow. The others have half
  /// and a quarter of it.
  int most_nodes = 4000;
  /// Of all the machine's cores, over all processes of the benchmark.
  double most_cpu_percent = 70;
  int rounds = 3;
  /// Of reports to one server before they count: every node has sent one by then.
  base::Duration settle = std::chrono::milliseconds(1500);
  base::Duration window = std::chrono::seconds(8);
  /// Of calls while the reports come in, and how often one is made.
  base::Duration lookups = std::chrono::seconds(10);
  base::Duration lookup_interval = std::chrono::milliseconds(4);
  /// Of calls while no report comes in; readings are fresh for 3 s.
  base::Duration quiet = std::chrono::milliseconds(1500);
};

/// One server while it gets the reports.
struct ReportCost {
  double seconds = 0;
  uint64_t reports = 0;
  uint64_t bytes = 0;
  double server_cpu_seconds = 0;
  double agents_cpu_seconds = 0;
  /// Of all processes of the benchmark, and of all that runs on the machine, in percent of all
  /// cores.
  double bench_cpu_percent = 0;
  double machine_cpu_percent = 0;

  double CpuUsPerReport() const { return server_cpu_seconds / static_cast<double>(reports) * 1e6; }
};

/// The two servers under the same reports, one after the other.
struct FleetRound {
  ReportCost hub;
  ReportCost bare;
};

/// Before any node has connected, and after the rounds.
struct MemoryGrowth {
  Memory before;
  Memory after;
};

struct FleetMeasurements {
  int nodes = 0;
  std::vector<FleetRound> rounds;
  MemoryGrowth hub;
  MemoryGrowth bare;
  LookupResult under_load;
  LookupResult quiet;
  /// Until the hub knew all of Kubernetes' objects, and until all agents were connected to both.
  double sync_seconds = 0;
  double connect_seconds = 0;
};

/// Of three sizes, the smallest first. Says on standard output what it is doing.
absl::StatusOr<std::vector<FleetMeasurements>> MeasureFleets(const FleetPrograms& programs,
                                                             const FleetPlan& plan);

}  // namespace kgs::bench
