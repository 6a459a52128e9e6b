// SPDX-License-Identifier: Apache-2.0
//
// Everything that takes part in measuring one size of fleet: an API server, a hub, a bare server
// and the agents, which report to either. Used by one thread.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "bench/fleet_measure.h"
#include "bench/server_process.h"
#include "bench/simulated_api_server.h"
#include "bench/simulated_fleet.h"

namespace kgs::bench {

/// Names as the agents know them.
inline constexpr char kHub[] = "hub";
inline constexpr char kBare[] = "bare";
inline constexpr char kNobody[] = "none";

/// Reports that left the agents for one server.
struct SentReports {
  uint64_t sent = 0;
  uint64_t skipped = 0;
  uint64_t bytes = 0;
};

class FleetSetup {
 public:
  /// Starts the servers and waits until the hub knows every workload and pod.
  static absl::StatusOr<std::unique_ptr<FleetSetup>> Start(const FleetPrograms& programs,
                                                           int nodes);

  /// Starts the agents and waits until each has a stream to both servers, each of which then has
  /// had a first report of each, and the hub knows the GPUs of every pod.
  absl::Status Connect();
  /// kHub, kBare or kNobody.
  absl::Status ReportTo(const std::string& server);
  /// So far. An error where any stream has ended.
  absl::StatusOr<SentReports> Sent(const std::string& server) const;
  /// That the hub says it has received.
  absl::StatusOr<double> HubReports() const;

  const SimulatedFleet& fleet() const { return fleet_; }
  base::SteadyTime start() const { return start_; }
  const ServerProcess& hub() const { return *hub_; }
  const ServerProcess& bare() const { return *bare_; }
  const ServerProcess& agents() const { return *agents_; }

 private:
  FleetSetup(const FleetPrograms& programs, int nodes);
  absl::Status StartServers();
  /// Waits until the sum of the series of the hub's page that begin with \p series is \p value.
  absl::Status WaitForHub(const std::string& series, double value) const;
  absl::StatusOr<double> HubMetric(const std::string& series) const;
  absl::Status Tell(const std::string& path_and_query) const;

  const FleetPrograms programs_;
  const SimulatedFleet fleet_;
  SimulatedApiServer api_server_;
  base::SteadyTime start_;
  std::unique_ptr<ServerProcess> hub_;
  std::unique_ptr<ServerProcess> bare_;
  std::unique_ptr<ServerProcess> agents_;
};

}  // namespace kgs::bench
