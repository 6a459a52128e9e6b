// SPDX-License-Identifier: Apache-2.0
#include "app/standalone.h"

#include <atomic>
#include <memory>
#include <utility>

#include "app/answering_side.h"
#include "app/node_name.h"
#include "app/node_side.h"
#include "app/pages.h"
#include "app/role.h"
#include "base/build_info.h"
#include "base/log.h"
#include "base/strings.h"
#include "http/health_page.h"

namespace kgs::app {
namespace {

constexpr auto kCallPatience = std::chrono::seconds(2);

class Standalone final : public RunningRole {
 public:
  Standalone(const Options& options, StopRequest& stop)
      : options_(WithNodeName(options)),
        fleet_(clock_),
        node_(options_, clock_, stop, NodeEvents()),
        answering_(options_, clock_, fleet_, counters_,
                   {[this] {
                      return std::vector<decision::NodeView>{
                          {options_.node_name, node_.Snapshot(), node_.max_reading_age()}};
                    },
                    [this](const std::string& node) {
                      if (node == options_.node_name) node_.ListPodsSoon();
                      return node == options_.node_name;
                    },
                    nullptr, false,
                    [this](scaler::ScrapesByNode scrapes) {
                      // Those of this node; the others have agents of their own, or none.
                      node_.SetScrapes(scrapes[options_.node_name]);
                    },
                    [this](const model::MetricSet& metrics) { node_.SetWanted(metrics); }}) {}

  absl::Status Start() override;
  void OnDriverRequest(DriverRequest request) override { node_.OnDriverRequest(request); }
  bool Stop() override;

 private:
  NodeSide::Events NodeEvents();
  void OnReport(std::shared_ptr<const model::NodeReport> report);
  std::string WhyNotReady() const;
  /// Why nothing can be answered, whatever is asked.
  std::string WhyBlind() const;
  Pages::Content Content() const;

  const Options options_;
  const base::SteadyClock clock_;
  std::atomic<bool> stopping_{false};
  telemetry::ScalerCounters counters_;
  /// Of this node alone, and only with Kubernetes.
  fleet::Store fleet_;
  uint64_t stream_ = 0;
  NodeSide node_;
  AnsweringSide answering_;
  Pages pages_;
};

NodeSide::Events Standalone::NodeEvents() {
  NodeSide::Events events;
  events.on_snapshot = [this] {
    if (!answering_.has_kubernetes()) node_.SetWanted(answering_.AskedMetrics());
    answering_.OnReadings();
    answering_.SetHealth(answering_.WhyNotReady().empty(), WhyBlind());
  };
  // Without Kubernetes nobody asks which pod holds what.
  if (KubernetesSide::IsConfigured(options_)) {
    events.on_report = [this](std::shared_ptr<const model::NodeReport> report) {
      OnReport(std::move(report));
    };
  }
  return events;
}

void Standalone::OnReport(std::shared_ptr<const model::NodeReport> report) {
  fleet_.Put(options_.node_name, stream_, std::move(report));
  answering_.OnReadings();
}

std::string Standalone::WhyBlind() const {
  const std::string problem = answering_.KubernetesProblem();
  return problem.empty() ? node_.WhyBlind() : problem;
}

std::string Standalone::WhyNotReady() const {
  if (stopping_) return "shutting down";
  if (node_.Snapshot() == nullptr) return "no GPU has been sampled yet";
  return answering_.WhyNotReady();
}

Pages::Content Standalone::Content() const {
  Pages::Content content;
  content.metrics = [this] {
    http::MetricsInput input{clock_.Now()};
    input.node = node_.Metrics();
    input.kubernetes = answering_.Metrics();
    input.endpoints = answering_.EndpointMetrics();
    input.scaler = &counters_;
    input.tls = TlsMetricsOf(answering_.certificates());
    return http::MetricsPage(input);
  };
  content.healthz = [this] {
    std::vector<base::ThreadHealth> threads = node_.Health();
    for (base::ThreadHealth& health : answering_.Health()) threads.push_back(std::move(health));
    return http::HealthzPage(threads);
  };
  content.readyz = [this] { return http::ReadyzPage(WhyNotReady(), WhyBlind()); };
  if (answering_.has_kubernetes()) {
    content.debug = {
        {"/debug/nodes", [this] { return http::DebugNodesPage(answering_.Debug()); }},
        {"/debug/workloads", [this] { return http::DebugWorkloadsPage(answering_.Debug()); }},
        {"/debug/decisions",
         [this] { return http::Page{200, "application/json", answering_.DecisionsJson()}; }}};
  }
  return content;
}

absl::Status Standalone::Start() {
  if (absl::Status status = node_.Prepare(); !status.ok()) return status;
  if (absl::Status status = answering_.Prepare(); !status.ok()) return status;
  if (absl::Status status = pages_.Start(options_, Content()); !status.ok()) return status;
  stream_ = fleet_.Connect(options_.node_name, std::string(base::Version()));
  answering_.Start(pages_.ports());
  // Last, since its snapshots reach all the others.
  node_.Start();
  base::LogInfo("serving", {{"version", std::string(base::Version())},
                            {"port", std::to_string(answering_.port())},
                            {"metrics_port", pages_.metrics_port()},
                            {"probe_port", pages_.probe_port()},
                            {"debug_port", pages_.debug_port()},
                            {"gpu_backend", options_.gpu_backend},
                            {"sampling_interval", base::FormatDuration(options_.sampling_interval)},
                            {"kubernetes", answering_.has_kubernetes() ? "yes" : "no"}});
  return absl::OkStatus();
}

bool Standalone::Stop() {
  stopping_ = true;
  answering_.Stop(kCallPatience);
  // The probes answer until the calls are over; then nothing of ours reads the sampler any more.
  pages_.Stop();
  return node_.Stop();
}

}  // namespace

int RunStandalone(const Options& options) {
  StopRequest stop;
  return Run(std::make_unique<Standalone>(options, stop), stop);
}

}  // namespace kgs::app
