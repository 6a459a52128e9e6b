// SPDX-License-Identifier: Apache-2.0
//
// The part of a process that knows this node: its GPUs, and which pod holds them. For the roles
// agent and standalone.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/options.h"
#include "app/stop_request.h"
#include "base/clock.h"
#include "base/thread.h"
#include "endpoint/curl_fetcher.h"
#include "http/metrics_page.h"
#include "kube/pod_resources/pod_resources.h"
#include "model/node_report.h"
#include "processes/pod_split.h"
#include "sampling/sampler.h"
#include "scraping/scraper.h"
#include "telemetry/counters.h"

namespace kgs::app {

class NodeSide {
 public:
  struct Events {
    /// There is a new snapshot. On the sampler's thread; must not block.
    std::function<void()> on_snapshot;
    /// There is a new report: a snapshot, a listing of the kubelet, a value of an engine, or
    /// several of them. On a thread of its own, the newest last; must not block. Null where nobody
    /// needs reports, and then the kubelet is not asked.
    std::function<void(std::shared_ptr<const model::NodeReport>)> on_report;
  };

  NodeSide(const Options& options, const base::Clock& clock, StopRequest& stop, Events events);

  /// Looks for the backends, and for the node's processes where they are asked for; an error is for
  /// whoever starts the process.
  absl::Status Prepare();
  void Start();
  /// False when a driver call is stuck.
  bool Stop();

  // Any thread, after Prepare.

  /// Lets go of the drivers for --driver-release-time, or opens them again.
  void OnDriverRequest(DriverRequest request);

  /// Null before the first sample.
  std::shared_ptr<const model::NodeSnapshot> Snapshot() const { return sampler_->Latest(); }
  base::Duration max_reading_age() const { return max_reading_age_; }
  /// Empty, or why no GPU reading can be served.
  std::string WhyBlind() const;
  /// Has the kubelet asked again soon.
  void ListPodsSoon();
  std::vector<base::ThreadHealth> Health() const;
  /// Which engines of this node's pods to ask from now on; none where nobody needs reports.
  void SetScrapes(const std::vector<model::EngineScrape>& scrapes);
  /// Which metrics of GPUs somebody asks for from now on, beside --always-read: what blocks for
  /// long is read for these alone.
  void SetWanted(const model::MetricSet& metrics);
  /// What /metrics shows of this side.
  http::NodeMetrics Metrics() const;

 private:
  void OnSnapshot();
  void ExitOnReplacedDriver();
  void LogBlindness(const std::string& why_blind);
  base::Duration MakeReport();

  const Options& options_;
  const base::Clock& clock_;
  StopRequest& stop_;
  const Events events_;
  const base::Duration max_reading_age_;
  telemetry::SamplingCounters sampling_counters_;
  telemetry::PodResourcesCounters pod_resources_counters_;
  std::atomic<bool> stopping_{false};
  std::string last_why_blind_ = "not yet known";  // sampler's thread only
  /// Null unless GPUs are read by process. Of the sampler's thread.
  std::unique_ptr<processes::PodSplit> pod_split_;
  std::unique_ptr<sampling::Sampler> sampler_;
  /// Null where nobody needs reports, as what asks engines.
  std::unique_ptr<kube::PodResources> pod_resources_;
  telemetry::ScrapeCounters scrape_counters_;
  std::unique_ptr<endpoint::CurlFetcher> fetcher_;
  std::unique_ptr<scraping::Scraper> scraper_;
  base::SteadyTime report_made_;  // of its thread
  base::LoopThread reports_;
};

}  // namespace kgs::app
