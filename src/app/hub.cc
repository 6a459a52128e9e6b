// SPDX-License-Identifier: Apache-2.0
#include "app/hub.h"

#include <atomic>
#include <memory>
#include <utility>

#include "app/agent_authentication.h"
#include "app/agent_server.h"
#include "app/answering_side.h"
#include "app/pages.h"
#include "app/role.h"
#include "base/build_info.h"
#include "base/log.h"
#include "base/thread.h"
#include "fleet/receiver.h"
#include "http/health_page.h"
#include "scaler/node_views.h"
#include "tls/grpc_credentials.h"

namespace kgs::app {
namespace {

constexpr auto kCallPatience = std::chrono::seconds(1);
constexpr auto kWatchInterval = std::chrono::milliseconds(500);

fleet::ReceiverOptions ReceiverOptionsOf(const Options& options) {
  fleet::ReceiverOptions receiver;
  receiver.most_streams = options.max_agents;
  receiver.reports = {options.max_report_bytes, static_cast<double>(options.max_report_rate)};
  return receiver;
}

class Hub final : public RunningRole {
 public:
  explicit Hub(const Options& options)
      : options_(options),
        fleet_(clock_),
        receiver_(ReceiverOptionsOf(options_), fleet_, clock_, receiver_counters_, counters_.limits,
                  ReceiverEvents()),
        answering_(
            options_, clock_, fleet_, counters_,
            {[this] { return scaler::NodeViews(fleet_); },
             [this](const std::string& node) { return receiver_.ListPods(node); },
             [this](fleet::Interest interest) { receiver_.SetCrossings(std::move(interest)); },
             true,
             [this](scaler::ScrapesByNode scrapes) { receiver_.SetScrapes(std::move(scrapes)); },
             [this](const model::MetricSet& metrics) { receiver_.SetMetrics(metrics); }}),
        watcher_("hub", std::chrono::seconds(10), [this] { return Watch(); }) {}

  absl::Status Start() override;
  void OnDriverRequest(DriverRequest request) override;
  bool Stop() override;

 private:
  fleet::Receiver::Events ReceiverEvents();
  /// Opens the agents' port.
  absl::Status StartAgentServer();
  std::string WhyBlind() const;
  std::string WhyNotReady() const;
  /// Keeps gRPC's health and the log up to date.
  base::Duration Watch();
  http::ReceiverMetrics Metrics() const;
  Pages::Content Content() const;

  const Options options_;
  const base::SteadyClock clock_;
  std::atomic<bool> stopping_{false};
  telemetry::ScalerCounters counters_;
  telemetry::ReceiverCounters receiver_counters_;
  fleet::Store fleet_;
  fleet::Receiver receiver_;
  AnsweringSide answering_;
  /// Null where agents need no proof.
  std::unique_ptr<AgentAuthentication> authentication_;
  std::unique_ptr<AgentServer> agent_server_;
  Pages pages_;
  std::string last_why_blind_;  // watcher's thread only
  base::LoopThread watcher_;
};

fleet::Receiver::Events Hub::ReceiverEvents() {
  fleet::Receiver::Events events;
  events.on_report = [this](const std::string&) { answering_.OnReadings(); };
  if (!options_.insecure_agents) {
    events.authenticate = [this](const std::string& token, auto on_done) {
      authentication_->Review(token, std::move(on_done));
    };
  }
  return events;
}

std::string Hub::WhyBlind() const {
  if (std::string problem = answering_.KubernetesProblem(); !problem.empty()) return problem;
  return fleet_.connected() == 0 ? "no agent is connected" : "";
}

std::string Hub::WhyNotReady() const {
  return stopping_ ? "shutting down" : answering_.WhyNotReady();
}

base::Duration Hub::Watch() {
  const std::string why_blind = WhyBlind();
  answering_.SetHealth(WhyNotReady().empty(), why_blind);
  if (why_blind != last_why_blind_) {
    if (why_blind.empty()) {
      base::LogInfo("workloads can be answered");
    } else {
      base::LogWarn("blind: no workload can be answered", {{"reason", why_blind}});
    }
    last_why_blind_ = why_blind;
  }
  if (!answering_.has_kubernetes()) receiver_.SetMetrics(answering_.AskedMetrics());
  receiver_.EndExpired();
  return kWatchInterval;
}

http::ReceiverMetrics Hub::Metrics() const {
  http::ReceiverMetrics metrics{fleet_.connected(), {}, &receiver_counters_};
  if (authentication_ != nullptr) metrics.reviews = &authentication_->counters();
  const base::SteadyTime now = clock_.Now();
  for (const auto& [name, node] : fleet_.All()) {
    if (node.connected && node.report != nullptr) {
      metrics.report_ages.push_back(base::Seconds(now - node.received));
    }
  }
  return metrics;
}

Pages::Content Hub::Content() const {
  Pages::Content content;
  content.metrics = [this] {
    http::MetricsInput input{clock_.Now()};
    input.receiver = Metrics();
    input.kubernetes = answering_.Metrics();
    input.endpoints = answering_.EndpointMetrics();
    input.scaler = &counters_;
    input.tls = TlsMetricsOf(answering_.certificates());
    return http::MetricsPage(input);
  };
  content.healthz = [this] {
    std::vector<base::ThreadHealth> threads = answering_.Health();
    threads.push_back(watcher_.Health(clock_.Now()));
    return http::HealthzPage(threads);
  };
  content.readyz = [this] { return http::ReadyzPage(WhyNotReady(), WhyBlind()); };
  content.debug = {
      {"/debug/nodes", [this] { return http::DebugNodesPage(answering_.Debug()); }},
      {"/debug/workloads", [this] { return http::DebugWorkloadsPage(answering_.Debug()); }},
      {"/debug/decisions",
       [this] { return http::Page{200, "application/json", answering_.DecisionsJson()}; }}};
  return content;
}

absl::Status Hub::StartAgentServer() {
  scaler::ListenOptions listen{options_.bind_address, options_.agent_port};
  if (options_.insecure_agents) {
    base::LogWarn("insecure: agents report in plaintext, and whoever connects is believed");
  } else if (!answering_.has_kubernetes()) {
    return absl::FailedPreconditionError(
        "no Kubernetes is configured that could tell whose token an agent has: give --kubeconfig, "
        "or, for development, --insecure-agents");
  } else {
    const bool own = !options_.agent_tls.certificate.empty();
    tls::CertificatePaths paths = own ? options_.agent_tls : options_.tls;
    // Who an agent is its token tells.
    paths.authorities.clear();
    auto files = tls::CertificateFiles::Load("agents", paths);
    if (!files.ok()) return files.status();
    listen.credentials = tls::ServerCredentials(answering_.certificates().Add(*std::move(files)));
    authentication_ = std::make_unique<AgentAuthentication>(options_.agent_service_account,
                                                            *answering_.kubernetes(), clock_);
  }
  auto server = AgentServer::Start(listen, ReceiverOptionsOf(options_).reports, receiver_);
  if (!server.ok()) return server.status();
  agent_server_ = *std::move(server);
  return absl::OkStatus();
}

absl::Status Hub::Start() {
  if (absl::Status status = answering_.Prepare(); !status.ok()) return status;
  if (absl::Status status = StartAgentServer(); !status.ok()) return status;
  if (absl::Status status = pages_.Start(options_, Content()); !status.ok()) return status;
  std::vector<uint16_t> other_ports = pages_.ports();
  other_ports.push_back(static_cast<uint16_t>(agent_server_->port()));
  answering_.Start(std::move(other_ports));
  watcher_.Start();
  if (!answering_.has_kubernetes()) {
    base::LogWarn("no Kubernetes is configured: what is answered is a node's, not a workload's");
  }
  base::LogInfo("serving", {{"version", std::string(base::Version())},
                            {"role", RoleName(options_.role)},
                            {"port", std::to_string(answering_.port())},
                            {"agent_port", std::to_string(agent_server_->port())},
                            {"metrics_port", pages_.metrics_port()},
                            {"probe_port", pages_.probe_port()},
                            {"debug_port", pages_.debug_port()},
                            {"kubernetes", answering_.has_kubernetes() ? "yes" : "no"}});
  return absl::OkStatus();
}

void Hub::OnDriverRequest(DriverRequest request) {
  base::LogWarn("signal is ignored: a hub has no GPU driver open",
                {{"signal", request == DriverRequest::kRelease ? "SIGUSR1" : "SIGUSR2"}});
}

bool Hub::Stop() {
  stopping_ = true;
  watcher_.Stop();
  answering_.Stop(kCallPatience);
  if (agent_server_ != nullptr) agent_server_->Stop(kCallPatience);
  pages_.Stop();
  return true;
}

}  // namespace

int RunHub(const Options& options) {
  StopRequest stop;
  return Run(std::make_unique<Hub>(options), stop);
}

}  // namespace kgs::app
