// SPDX-License-Identifier: Apache-2.0
//
// Asks the engines of this node's pods, each page once an interval for all that is wanted of it,
// and holds what came of it. All pages are asked side by side, each within a time of its own: one
// that hangs delays none of the others, and nothing here is on the way of the GPUs' readings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "endpoint/address_guard.h"
#include "endpoint/fetcher.h"
#include "model/engine_scrape.h"
#include "scraping/page_plan.h"
#include "scraping/query_history.h"
#include "telemetry/counters.h"

namespace kgs::scraping {

class Scraper {
 public:
  /// \p fetcher must call nothing any more when the scraper ends, and outlive it. \p unix_now is
  /// the time of the wall clock in milliseconds. \p on_value: a pod's engine has another value than
  /// it had, or has one again; on the fetcher's thread, must not block, may be null.
  Scraper(endpoint::Fetcher& fetcher, endpoint::AddressGuard guard, const base::Clock& clock,
          std::function<int64_t()> unix_now, telemetry::ScrapeCounters& counters,
          std::function<void()> on_value = nullptr);

  /// Until then Turn may be called by hand.
  void Start() { thread_.Start(); }
  void Stop() { thread_.Stop(); }

  // Any thread.

  /// What to ask from now on. The pages of a pod that was not asked before are first asked within
  /// the next second, each at a moment of its own. What was read for what is no longer wanted is
  /// kept a while: hubs come and go. One caller at a time; what has not changed costs little.
  void SetTargets(const std::vector<model::EngineScrape>& scrapes);

  /// By pod_uid and key: of all that is wanted, what the last answer said. A page that could not be
  /// had or read is a fault at once; what was never asked yet has no value yet.
  std::vector<model::PodEngineReading> Latest() const;

  /// Pages that are asked.
  size_t targets() const;
  base::ThreadHealth Health() const;

  /// Asks what is due. Returns the wait until the next is.
  base::Duration Turn();

 private:
  struct Query {
    QueryHistory history;
    model::EngineReading latest;
  };
  struct Page {
    /// Of no use while it is not wanted.
    PagePlan plan;
    bool wanted = false;
    /// Since when it is not.
    base::SteadyTime unwanted_since;
    bool under_way = false;
    base::SteadyTime due;
    /// By key.
    std::map<std::string, Query> queries;
  };

  void TakePlan(const PageKey& key, PagePlan plan, base::SteadyTime now) KGS_REQUIRES(mutex_);
  /// What came of asking \p plan. True where any query has another value than before.
  static bool TakePage(const PagePlan& plan, base::SteadyTime asked,
                       const absl::StatusOr<engine::PageReading>& page, Page& known);
  /// On the fetcher's thread.
  void OnPage(const PageKey& key, const PagePlan& plan, base::SteadyTime asked,
              absl::StatusOr<engine::PageReading> page);

  endpoint::Fetcher& fetcher_;
  const endpoint::AddressGuard guard_;
  const base::Clock& clock_;
  const std::function<int64_t()> unix_now_;
  telemetry::ScrapeCounters& counters_;
  const std::function<void()> on_value_;
  mutable base::Mutex mutex_;
  std::map<PageKey, Page> pages_ KGS_GUARDED_BY(mutex_);
  std::vector<model::PodEngineReading> refused_ KGS_GUARDED_BY(mutex_);
  /// What is asked.
  std::vector<model::EngineScrape> scrapes_ KGS_GUARDED_BY(mutex_);
  base::LoopThread thread_;
};

}  // namespace kgs::scraping
