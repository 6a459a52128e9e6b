// SPDX-License-Identifier: Apache-2.0
#include "app/agent.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <utility>

#include "app/hub_access.h"
#include "app/node_side.h"
#include "app/pages.h"
#include "app/role.h"
#include "base/build_info.h"
#include "base/log.h"
#include "base/strings.h"
#include "fleet/publisher.h"
#include "http/health_page.h"
#include "scaler/server.h"

namespace kgs::app {
namespace {

/// Of this process alone: 128 random bits as hexadecimal digits.
std::string NewBootId() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 32; ++i) id += "0123456789abcdef"[random() % 16];
  return id;
}

fleet::PublisherOptions PublisherOptionsOf(const Options& options) {
  fleet::PublisherOptions publisher;
  publisher.hub = options.hub;
  publisher.node = options.node_name;
  publisher.boot_id = NewBootId();
  publisher.version = base::Version();
  return publisher;
}

class Agent final : public RunningRole {
 public:
  Agent(const Options& options, StopRequest& stop)
      : options_(options),
        node_(options_, clock_, stop,
              {nullptr, [this](auto report) { publisher_->Offer(std::move(report)); }}) {}

  absl::Status Start() override;
  void OnDriverRequest(DriverRequest request) override { node_.OnDriverRequest(request); }
  bool Stop() override;

 private:
  absl::Status MakePublisher();
  std::string WhyNotReady() const;
  http::PublisherMetrics Metrics() const;
  Pages::Content Content() const;

  const Options options_;
  const base::SteadyClock clock_;
  std::atomic<bool> stopping_{false};
  telemetry::PublisherCounters counters_;
  NodeSide node_;
  tls::CertificateWatch certificates_;
  /// Null only before Start.
  std::unique_ptr<fleet::Publisher> publisher_;
  Pages pages_;
};

absl::Status Agent::MakePublisher() {
  auto access = MakeHubAccess(options_, certificates_);
  if (!access.ok()) return access.status();
  publisher_ = std::make_unique<fleet::Publisher>(
      PublisherOptionsOf(options_), &fleet::ResolveByDns, *std::move(access), clock_, counters_,
      fleet::PublisherEvents{
          [this] { node_.ListPodsSoon(); },
          [this](const fleet::EngineScrapes& scrapes) { node_.SetScrapes(scrapes); },
          [this](const model::MetricSet& metrics) { node_.SetWanted(metrics); }});
  return absl::OkStatus();
}

http::PublisherMetrics Agent::Metrics() const {
  const std::vector<fleet::HubState> hubs = publisher_->Hubs();
  const auto connected =
      std::count_if(hubs.begin(), hubs.end(), [](const auto& hub) { return hub.connected; });
  return {hubs.size(), static_cast<size_t>(connected), &counters_};
}

std::string Agent::WhyNotReady() const {
  if (stopping_) return "shutting down";
  if (node_.Snapshot() == nullptr) return "no GPU has been sampled yet";
  if (Metrics().hubs_connected > 0) return "";
  const std::string problem = publisher_->ResolveProblem();
  return problem.empty() ? "no hub is connected" : problem;
}

Pages::Content Agent::Content() const {
  Pages::Content content;
  content.metrics = [this] {
    http::MetricsInput input{clock_.Now()};
    input.node = node_.Metrics();
    input.publisher = Metrics();
    input.tls = TlsMetricsOf(certificates_);
    return http::MetricsPage(input);
  };
  content.healthz = [this] {
    std::vector<base::ThreadHealth> threads = node_.Health();
    for (base::ThreadHealth& health : publisher_->Health()) threads.push_back(std::move(health));
    for (base::ThreadHealth& health : certificates_.Health(clock_.Now())) {
      threads.push_back(std::move(health));
    }
    return http::HealthzPage(threads);
  };
  content.readyz = [this] { return http::ReadyzPage(WhyNotReady(), node_.WhyBlind()); };
  return content;
}

absl::Status Agent::Start() {
  scaler::RouteGrpcLog();
  if (options_.insecure_agents) {
    base::LogWarn("insecure: reports go to the hubs in plaintext, and no hub is verified");
  }
  if (absl::Status status = MakePublisher(); !status.ok()) return status;
  if (absl::Status status = node_.Prepare(); !status.ok()) return status;
  if (absl::Status status = pages_.Start(options_, Content()); !status.ok()) return status;
  certificates_.Start();
  publisher_->Start();
  // Last, since its snapshots reach the publisher.
  node_.Start();
  base::LogInfo("serving",
                {{"version", std::string(base::Version())},
                 {"role", RoleName(options_.role)},
                 {"node", options_.node_name},
                 {"hub", options_.hub},
                 {"metrics_port", pages_.metrics_port()},
                 {"probe_port", pages_.probe_port()},
                 {"gpu_backend", options_.gpu_backend},
                 {"sampling_interval", base::FormatDuration(options_.sampling_interval)}});
  return absl::OkStatus();
}

bool Agent::Stop() {
  stopping_ = true;
  pages_.Stop();
  const bool stopped = node_.Stop();
  if (publisher_ != nullptr) publisher_->Stop();
  certificates_.Stop();
  return stopped;
}

}  // namespace

int RunAgent(const Options& options) {
  StopRequest stop;
  return Run(std::make_unique<Agent>(options, stop), stop);
}

}  // namespace kgs::app
