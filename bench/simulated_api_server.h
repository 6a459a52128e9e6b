// SPDX-License-Identifier: Apache-2.0
//
// As much of a Kubernetes API server as a hub asks for: the ScaledObjects, Deployments and pods of
// a simulated fleet, which do not change. Plain HTTP on loopback; lists in pages, watches that stay
// open and send bookmarks.
#pragma once

#include <absl/status/status.h>

#include <memory>
#include <string>
#include <thread>

#include "bench/simulated_fleet.h"

namespace httplib {
class Server;
}

namespace kgs::bench {

/// What the metadata of each workload's one trigger is, as KEDA sends it too.
struct TriggerMetadata {
  static constexpr char kScalerAddress[] = "keda-gpu-scaler.keda.svc.cluster.local:6000";
  static constexpr char kMetricType[] = "gpu_utilization";
  static constexpr char kTargetValue[] = "75";
};

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
