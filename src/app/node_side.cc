// SPDX-License-Identifier: Apache-2.0
#include "app/node_side.h"

#include <utility>

#include "app/unix_time.h"
#include "attribution/attribution.h"
#include "base/log.h"
#include "base/strings.h"
#include "decision/node_decision.h"
#include "gpu/backends.h"

namespace kgs::app {
namespace {

constexpr auto kDriverPatience = std::chrono::seconds(1);
/// The pulse of the thread that makes reports, where nothing wakes it.
constexpr auto kLongestWait = std::chrono::seconds(1);
/// Many engines say something new at moments of their own; reports are not made more often.
constexpr auto kLeastReportInterval = std::chrono::milliseconds(20);

}  // namespace

NodeSide::NodeSide(const Options& options, const base::Clock& clock, StopRequest& stop,
                   Events events)
    : options_(options),
      clock_(clock),
      stop_(stop),
      events_(std::move(events)),
      max_reading_age_(decision::MaxReadingAge(options.sampling_interval)),
      reports_("reports", std::chrono::seconds(10), [this] { return MakeReport(); }) {}

absl::Status NodeSide::Prepare() {
  auto backends = gpu::MakeBackends({.backend = options_.gpu_backend,
                                     .nvml_library = options_.nvml_library,
                                     .rocm_library = options_.rocm_library,
                                     .simulated_gpus = options_.simulated_gpus,
                                     .per_process = options_.per_process},
                                    clock_);
  if (!backends.ok()) return backends.status();
  if (!options_.simulated_gpus.empty() && options_.gpu_backend != "simulated") {
    base::LogWarn("--simulated-gpus is not used", {{"gpu_backend", options_.gpu_backend}});
  }
  sampling::SamplerOptions sampler;
  sampler.interval = options_.sampling_interval;
  sampler.lane_stuck_after = options_.hang_limit;
  sampler.source.longest_backoff = options_.health_check_interval;
  if (options_.per_process) {
    pod_split_ = std::make_unique<processes::PodSplit>(options_.proc_root);
    if (absl::Status status = pod_split_->CheckPidNamespace(); !status.ok()) return status;
    sampler.complete = [this](model::NodeSnapshot& snapshot) { pod_split_->Split(snapshot); };
  }
  sampler_ = std::make_unique<sampling::Sampler>(*std::move(backends), sampler, clock_,
                                                 sampling_counters_, [this] { OnSnapshot(); });
  SetWanted({});
  if (!events_.on_report) return absl::OkStatus();
  kube::PodResourcesOptions pod_resources;
  pod_resources.socket = options_.pod_resources_socket;
  pod_resources_ = std::make_unique<kube::PodResources>(
      pod_resources, clock_, &UnixNow, pod_resources_counters_, [this] { reports_.Wake(); });
  auto fetcher = endpoint::CurlFetcher::Make("engine-pages", clock_);
  if (!fetcher.ok()) return fetcher.status();
  fetcher_ = *std::move(fetcher);
  endpoint::GuardRules rules;
  rules.allowed = options_.engine_endpoint_allow;
  scraper_ =
      std::make_unique<scraping::Scraper>(*fetcher_, endpoint::AddressGuard(rules), clock_,
                                          &UnixNow, scrape_counters_, [this] { reports_.Wake(); });
  return absl::OkStatus();
}

void NodeSide::Start() {
  if (pod_resources_ != nullptr) {
    fetcher_->Start();
    scraper_->Start();
    reports_.Start();
    pod_resources_->Start();
  }
  sampler_->Start();
}

bool NodeSide::Stop() {
  stopping_ = true;
  if (sampler_ == nullptr) return true;
  const bool stopped = sampler_->Stop(kDriverPatience);
  if (pod_resources_ != nullptr) {
    pod_resources_->Stop();
    scraper_->Stop();
    fetcher_->Stop();
  }
  reports_.Stop();
  return stopped;
}

std::string NodeSide::WhyBlind() const {
  const auto snapshot = Snapshot();
  return decision::WhyBlind(snapshot.get(), clock_.Now(), max_reading_age_);
}

void NodeSide::ListPodsSoon() {
  if (pod_resources_ != nullptr) pod_resources_->ListSoon();
}

void NodeSide::SetScrapes(const std::vector<model::EngineScrape>& scrapes) {
  if (scraper_ != nullptr) scraper_->SetTargets(scrapes);
}

void NodeSide::OnDriverRequest(DriverRequest request) {
  if (request == DriverRequest::kReopen) {
    base::LogInfo("the GPU drivers are to be opened again", {{"signal", "SIGUSR2"}});
    return sampler_->ReopenDrivers();
  }
  base::LogInfo(
      "the GPU drivers are to be let go of",
      {{"signal", "SIGUSR1"}, {"for", base::FormatDuration(options_.driver_release_time)}});
  sampler_->ReleaseDrivers(options_.driver_release_time);
}

void NodeSide::SetWanted(const model::MetricSet& metrics) {
  sampler_->SetWanted(metrics | options_.always_read);
}

std::vector<base::ThreadHealth> NodeSide::Health() const {
  std::vector<base::ThreadHealth> threads = sampler_->Health();
  if (pod_resources_ != nullptr) {
    threads.push_back(pod_resources_->Health());
    threads.push_back(reports_.Health(clock_.Now()));
    threads.push_back(scraper_->Health());
    threads.push_back(fetcher_->Health());
  }
  return threads;
}

http::NodeMetrics NodeSide::Metrics() const {
  http::NodeMetrics metrics{Snapshot(), max_reading_age_, WhyBlind(), &sampling_counters_, {}};
  for (const auto& driver : sampler_->CallCosts()) {
    for (const gpu::CallCost& cost : driver.calls) {
      metrics.driver_calls.push_back(
          {driver.backend, std::string(cost.call), cost.calls, cost.seconds, cost.longest_seconds});
    }
  }
  if (pod_resources_ != nullptr) {
    metrics.pods = http::PodMetrics{pod_resources_->Latest(), &pod_resources_counters_};
    metrics.scrapes = http::ScrapeMetrics{scraper_->targets(), &scrape_counters_};
  }
  return metrics;
}

void NodeSide::OnSnapshot() {
  if (pod_resources_ != nullptr) reports_.Wake();
  LogBlindness(WhyBlind());
  if (events_.on_snapshot) events_.on_snapshot();
  ExitOnReplacedDriver();
}

void NodeSide::LogBlindness(const std::string& why_blind) {
  if (why_blind == last_why_blind_) return;
  if (why_blind.empty()) {
    base::LogInfo("GPUs are being read");
  } else {
    base::LogWarn("blind: no GPU reading can be served", {{"reason", why_blind}});
  }
  last_why_blind_ = why_blind;
}

void NodeSide::ExitOnReplacedDriver() {
  if (options_.driver_mismatch_grace == base::Duration::zero()) return;
  const auto snapshot = Snapshot();
  for (const model::SourceHealth& source : snapshot->sources) {
    if (!source.needs_new_process || !source.closed_since ||
        clock_.Now() - *source.closed_since < options_.driver_mismatch_grace || stopping_) {
      continue;
    }
    base::LogError("exiting, since only a new process can load the node's new driver library",
                   {{"backend", source.backend}, {"reason", source.problem}});
    stopping_ = true;
    stop_.GiveUp(1);
    return;
  }
}

base::Duration NodeSide::MakeReport() {
  auto snapshot = Snapshot();
  if (snapshot == nullptr) return kLongestWait;
  const base::SteadyTime now = clock_.Now();
  if (const auto next = report_made_ + kLeastReportInterval; now < next) return next - now;
  report_made_ = now;
  auto report = std::make_shared<model::NodeReport>();
  report->node = options_.node_name;
  report->max_reading_age = max_reading_age_;
  const auto pods = pod_resources_->Latest();
  report->listing_problem = pods->problem;
  if (pods->listing != nullptr) {
    report->pods_listed = true;
    report->listed = pods->listing->listed;
    report->pods = attribution::Attribute(*pods->listing, *snapshot);
  }
  report->engines = scraper_->Latest();
  report->snapshot = std::move(snapshot);
  events_.on_report(std::move(report));
  return kLongestWait;
}

}  // namespace kgs::app
