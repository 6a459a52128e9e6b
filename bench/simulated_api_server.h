// SPDX-License-Identifier: Apache-2.0
//
// As much of a Kubernetes API server as a hub asks for: the ScaledObjects, Deployments and pods of
// a simulated fleet, which do not change. Plain HTTP on loopback; lists in pages, watches that stay
// open and send bookmarks.
#pragma once

#include <absl/status/status.h>

#include <array>
#include <memory>
#include <string>
#include <thread>

#include "bench/simulated_fleet.h"

namespace httplib {
class Server;
}

namespace kgs::bench {

/// The metadata of each workload's one trigger, as KEDA sends it too. Nothing is held: what a hub
/// does not know right now is an error, and every number is the truth or wrong.
inline constexpr std::array<std::pair<const char*, const char*>, 5> kTriggerMetadata = {
    {{"scalerAddress", "keda-gpu-scaler.keda.svc.cluster.local:6000"},
     {"metricType", "gpu_utilization"},
     {"targetValue", "75"},
     {"holdSeconds", "0"},
     {"minCoverage", "1"}}};

class SimulatedApiServer {
 public:
  explicit SimulatedApiServer(SimulatedFleet fleet);
  ~SimulatedApiServer();
  SimulatedApiServer(const SimulatedApiServer&) = delete;
  SimulatedApiServer& operator=(const SimulatedApiServer&) = delete;

  absl::Status Start();
  /// Leads to it, once it has started.
  std::string Kubeconfig() const;

 private:
  void Route();

  const SimulatedFleet fleet_;
  /// status.startTime of all pods.
  const std::string started_;
  const std::unique_ptr<httplib::Server> server_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace kgs::bench
