// SPDX-License-Identifier: Apache-2.0
//
// The part of a process that answers KEDA: with Kubernetes for workloads, without it for one node.
// For the roles hub and standalone.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/endpoint_side.h"
#include "app/kubernetes_side.h"
#include "app/options.h"
#include "base/clock.h"
#include "fleet/interest.h"
#include "fleet/store.h"
#include "fleet/unlisted_pods.h"
#include "http/debug_page.h"
#include "http/metrics_page.h"
#include "scaler/debug_service.h"
#include "scaler/node_answers.h"
#include "scaler/server.h"
#include "scaler/service.h"
#include "scaler/trigger_watch.h"
#include "telemetry/counters.h"
#include "tls/certificate_files.h"

namespace kgs::app {

class AnsweringSide {
 public:
  /// What the rest of the process does for this side. None may block.
  struct Neighbours {
    /// Without Kubernetes: every node that is known.
    scaler::NodeAnswers::Nodes nodes;
    /// Has the agent of a node list its pods; false where that cannot be now.
    fleet::UnlistedPods::ListPods list_pods;
    /// What agents are to report at once has changed. May be null.
    std::function<void(fleet::Interest)> on_interest;
    /// Nodes report to this process, and it has not heard of all of them at once.
    bool gathers_nodes = false;
    /// Which engines agents are to ask, each second. May be null.
    std::function<void(scaler::ScrapesByNode)> on_scrapes = nullptr;
    /// Which metrics of GPUs triggers read, each second, as far as Kubernetes tells. May be null.
    std::function<void(const model::MetricSet&)> on_metrics = nullptr;
  };

  AnsweringSide(const Options& options, const base::Clock& clock, const fleet::Store& fleet,
                telemetry::ScalerCounters& counters, Neighbours neighbours);

  /// Opens KEDA's port.
  absl::Status Prepare();
  /// \p other_ports: on which this process listens besides KEDA's.
  void Start(std::vector<uint16_t> other_ports);
  void Stop(base::Duration patience);

  // Any thread, after Prepare.

  /// There is something new to answer from.
  void OnReadings() { service_->streams().OnSnapshot(); }
  /// \p why_blind: why nothing can be answered whatever is asked; else empty.
  void SetHealth(bool ready, const std::string& why_blind) {
    server_->SetHealth(ready, !why_blind.empty());
  }
  int port() const { return server_->port(); }
  bool has_kubernetes() const { return kubernetes_ != nullptr; }
  /// Empty once all that Kubernetes has to say has been listed once, or where there is none.
  std::string WhyNotReady() const;
  /// Why Kubernetes cannot be relied on; else empty.
  std::string KubernetesProblem() const;
  std::vector<base::ThreadHealth> Health() const;
  /// Without Kubernetes: which metrics of GPUs were asked for of late.
  model::MetricSet AskedMetrics() const;
  /// Null without Kubernetes.
  KubernetesSide* kubernetes() { return kubernetes_.get(); }
  /// Those of KEDA's port, and of other ports of the process, added between Prepare and Start.
  tls::CertificateWatch& certificates() { return certificates_; }
  const tls::CertificateWatch& certificates() const { return certificates_; }
  /// What /metrics shows of Kubernetes; nothing where there is none.
  std::optional<http::KubernetesMetrics> Metrics() const;
  /// What /metrics shows of endpoints; nothing where none can be asked.
  std::optional<http::EndpointMetrics> EndpointMetrics() const;
  http::DebugInput Debug() const;
  /// What was decided for each trigger, as JSON.
  std::string DecisionsJson() const;

 private:
  absl::Status PrepareKubernetes();
  absl::Status PrepareServer();
  std::vector<http::TriggerMetrics> TriggerMetrics() const;
  void OnObjects();
  /// Has Kubernetes list the objects again.
  void Refresh();

  const Options& options_;
  const base::Clock& clock_;
  const fleet::Store& fleet_;
  const Neighbours neighbours_;
  telemetry::ScalerCounters& counters_;
  tls::CertificateWatch certificates_;
  /// Steady time, in the clock's ticks.
  std::atomic<int64_t> last_refresh_{0};
  /// Null without Kubernetes, as the next four.
  std::unique_ptr<KubernetesSide> kubernetes_;
  std::unique_ptr<EndpointSide> endpoints_;
  std::unique_ptr<fleet::UnlistedPods> unlisted_pods_;
  std::unique_ptr<scaler::TriggerWatch> triggers_;
  std::unique_ptr<scaler::DebugService> debug_service_;
  std::unique_ptr<scaler::Answers> answers_;
  /// answers_ without Kubernetes; else null.
  const scaler::NodeAnswers* node_answers_ = nullptr;
  std::unique_ptr<scaler::Service> service_;
  std::unique_ptr<scaler::Server> server_;
};

}  // namespace kgs::app
