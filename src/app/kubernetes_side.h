// SPDX-License-Identifier: Apache-2.0
//
// The part of a process that knows Kubernetes: the connection to the API server and the copy that
// is kept up to date over it. For the roles hub and standalone.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/options.h"
#include "base/clock.h"
#include "base/thread.h"
#include "kube/client/curl_transport.h"
#include "kube/cluster.h"
#include "kube/store.h"
#include "telemetry/counters.h"

namespace kgs::app {

class KubernetesSide {
 public:
  /// Both are called on the Kubernetes loop and must not block.
  struct Events {
    /// Objects, or what they ask, may have changed.
    std::function<void()> on_objects;
    /// A pod of a tracked workload is new or has changed.
    std::function<void(const kube::PodPtr&)> on_workload_pod;
  };

  /// Whether Kubernetes is configured: by --kubeconfig, or by a pod's ServiceAccount.
  static bool IsConfigured(const Options& options);

  /// An error where the credentials cannot be used. Does not connect.
  static absl::StatusOr<std::unique_ptr<KubernetesSide>> Make(const Options& options,
                                                              const base::Clock& clock,
                                                              telemetry::LimitCounters& limits,
                                                              Events events);

  void Start();
  /// After this no event comes.
  void Stop();

  const kube::Store& store() const { return store_; }
  /// Of the API server, as kube::Credentials has it.
  const std::string& server() const { return server_; }
  kube::Cluster& cluster() { return *cluster_; }
  kube::Transport& transport() { return *transport_; }
  std::vector<base::ThreadHealth> Health() const { return {transport_->Health()}; }

 private:
  KubernetesSide(const base::Clock& clock, Events events);

  const Events events_;
  std::string server_;
  kube::Store store_;
  // Destroyed last to first: the cluster's requests go before the transport they are of.
  std::unique_ptr<kube::CurlTransport> transport_;
  std::unique_ptr<kube::Cluster> cluster_;
};

}  // namespace kgs::app
