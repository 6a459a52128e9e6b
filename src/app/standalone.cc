// SPDX-License-Identifier: Apache-2.0
#include "app/standalone.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <utility>

#include "app/stop_request.h"
#include "base/build_info.h"
#include "base/strings.h"
#include "decision/node_decision.h"
#include "gpu/backends.h"
#include "http/health_page.h"
#include "http/metrics_page.h"
#include "http/server.h"
#include "sampling/sampler.h"
#include "scaler/server.h"
#include "scaler/service.h"
#include "telemetry/counters.h"

namespace kgs::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kCallPatience = seconds(2);
constexpr auto kDriverPatience = seconds(1);
/// The process must have ended within 5 s, whatever adds up.
constexpr auto kStopLimit = milliseconds(4500);

/// All parts of the running program, in the order in which they are built; they are stopped by Stop
/// and torn down in reverse.
class Standalone {
 public:
  explicit Standalone(const Options& options)
      : options_(options), max_reading_age_(decision::MaxReadingAge(options.sampling_interval)) {}

  absl::Status Start();
  int WaitForStop() { return stop_.Wait(); }
  /// False when a driver call is stuck.
  bool Stop();

 private:
  absl::Status StartSampler();
  absl::Status StartServers();
  void OnSnapshot();
  std::string WhyBlind() const;
  std::string WhyNotReady() const;
  http::Page Metrics() const;
  http::Page Healthz() const;

  const Options options_;
  const base::Duration max_reading_age_;
  const base::SteadyClock clock_;
  StopRequest stop_;
  telemetry::SamplingCounters sampling_counters_;
  telemetry::ScalerCounters scaler_counters_;
  std::atomic<bool> stopping_{false};
  std::string last_why_blind_ = "not yet known";  // sampler's thread only
  std::unique_ptr<sampling::Sampler> sampler_;
  std::unique_ptr<scaler::Service> service_;
  std::unique_ptr<scaler::Server> server_;
  std::unique_ptr<http::Server> metrics_server_;
  std::unique_ptr<http::Server> probe_server_;
};

absl::Status Standalone::StartSampler() {
  auto backends = gpu::MakeBackends(
      {options_.gpu_backend, options_.nvml_library, options_.simulated_gpus}, clock_);
  if (!backends.ok()) return backends.status();
  if (!options_.simulated_gpus.empty() && options_.gpu_backend != "simulated") {
    base::LogWarn("--simulated-gpus is not used", {{"gpu_backend", options_.gpu_backend}});
  }
  sampling::SamplerOptions sampler;
  sampler.interval = options_.sampling_interval;
  sampler.lane_stuck_after = options_.hang_limit;
  sampler.source.longest_backoff = options_.health_check_interval;
  sampler_ = std::make_unique<sampling::Sampler>(*std::move(backends), sampler, clock_,
                                                 sampling_counters_, [this] { OnSnapshot(); });
  return absl::OkStatus();
}

absl::Status Standalone::StartServers() {
  scaler::ServiceOptions service;
  service.max_reading_age = max_reading_age_;
  service.unknown_keys = options_.unknown_metadata;
  service.streams.longest_age = options_.stream_max_age;
  service_ = std::make_unique<scaler::Service>([this] { return sampler_->Latest(); }, service,
                                               clock_, scaler_counters_);
  auto server = scaler::Server::Start(options_.bind_address, options_.port, *service_);
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  if (options_.metrics_port) {
    auto started = http::StartServer("metrics", options_.bind_address, *options_.metrics_port,
                                     {{"/metrics", [this] { return Metrics(); }}});
    if (!started.ok()) return started.status();
    metrics_server_ = *std::move(started);
  }
  if (options_.probe_port) {
    auto started = http::StartServer(
        "probes", options_.bind_address, *options_.probe_port,
        {{"/healthz", [this] { return Healthz(); }},
         {"/readyz", [this] { return http::ReadyzPage(WhyNotReady(), WhyBlind()); }}});
    if (!started.ok()) return started.status();
    probe_server_ = *std::move(started);
  }
  return absl::OkStatus();
}

absl::Status Standalone::Start() {
  if (absl::Status status = StartSampler(); !status.ok()) return status;
  if (absl::Status status = StartServers(); !status.ok()) return status;
  service_->streams().Start();
  // Last, since its snapshots reach all the others.
  sampler_->Start();
  const auto port_text = [](const auto& server) {
    return server != nullptr ? std::to_string(server->port()) : std::string("disabled");
  };
  base::LogInfo("serving",
                {{"version", std::string(base::Version())},
                 {"port", port_text(server_)},
                 {"metrics_port", port_text(metrics_server_)},
                 {"probe_port", port_text(probe_server_)},
                 {"gpu_backend", options_.gpu_backend},
                 {"sampling_interval", base::FormatDuration(options_.sampling_interval)}});
  return absl::OkStatus();
}

void Standalone::OnSnapshot() {
  service_->streams().OnSnapshot();
  const std::string why_blind = WhyBlind();
  server_->SetHealth(true, !why_blind.empty());
  if (why_blind != last_why_blind_) {
    if (why_blind.empty()) {
      base::LogInfo("GPUs are being read");
    } else {
      base::LogWarn("blind: no GPU reading can be served", {{"reason", why_blind}});
    }
    last_why_blind_ = why_blind;
  }
  if (options_.driver_mismatch_grace == base::Duration::zero()) return;
  const auto snapshot = sampler_->Latest();
  for (const model::SourceHealth& source : snapshot->sources) {
    if (!source.needs_new_process || !source.closed_since ||
        clock_.Now() - *source.closed_since < options_.driver_mismatch_grace || stopping_) {
      continue;
    }
    base::LogError("exiting, since only a new process can load the node's new driver library",
                   {{"backend", source.backend}, {"reason", source.problem}});
    stop_.GiveUp(1);
    return;
  }
}

std::string Standalone::WhyBlind() const {
  const auto snapshot = sampler_->Latest();
  return decision::WhyBlind(snapshot.get(), clock_.Now(), max_reading_age_);
}

std::string Standalone::WhyNotReady() const {
  if (stopping_) return "shutting down";
  return sampler_->Latest() == nullptr ? "no GPU has been sampled yet" : "";
}

http::Page Standalone::Metrics() const {
  const auto snapshot = sampler_->Latest();
  return http::MetricsPage({snapshot.get(), clock_.Now(), max_reading_age_, WhyBlind(),
                            sampling_counters_, scaler_counters_});
}

http::Page Standalone::Healthz() const {
  std::vector<base::ThreadHealth> threads = sampler_->Health();
  threads.push_back(service_->streams().Health());
  return http::HealthzPage(threads);
}

bool Standalone::Stop() {
  stopping_ = true;
  if (server_ != nullptr) server_->Stop(kCallPatience);
  // The probes answer until the calls are over; then nothing of ours reads the sampler any more.
  metrics_server_.reset();
  probe_server_.reset();
  return sampler_ == nullptr || sampler_->Stop(kDriverPatience);
}

/// Ends the process when an orderly stop takes too long.
class StopGuard {
 public:
  explicit StopGuard(int exit_status)
      : thread_("stop-guard", kStopLimit,
                [this, exit_status, due = clock_.Now() + kStopLimit]() -> base::Duration {
                  const base::SteadyTime now = clock_.Now();
                  if (now < due) return due - now;
                  base::LogWarn("stopping takes too long: ending without waiting for the rest");
                  std::_Exit(exit_status);
                }) {
    thread_.Start();
  }

 private:
  const base::SteadyClock clock_;
  base::LoopThread thread_;
};

}  // namespace

int RunStandalone(const Options& options) {
  auto standalone = std::make_unique<Standalone>(options);
  int exit_status = 1;
  const absl::Status started = standalone->Start();
  if (started.ok()) {
    exit_status = standalone->WaitForStop();
  } else {
    base::LogError("cannot start", {{"reason", std::string(started.message())}});
  }
  const StopGuard guard(exit_status);
  if (!standalone->Stop()) {
    base::LogWarn("a driver call is stuck: ending without waiting for it");
    std::_Exit(exit_status);
  }
  // Under the guard too.
  standalone.reset();
  if (started.ok()) base::LogInfo("stopped");
  return exit_status;
}

}  // namespace kgs::app
