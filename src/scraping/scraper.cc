// SPDX-License-Identifier: Apache-2.0
#include "scraping/scraper.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "scraping/page_fetch.h"

namespace kgs::scraping {
namespace {

using base::Duration;
using base::SteadyTime;
using model::EngineGap;
using model::EngineReading;
using model::PodEngineReading;

/// Bounds the thread's pulse on /healthz.
constexpr Duration kLongestWait = std::chrono::seconds(1);
constexpr Duration kStuckAfter = std::chrono::seconds(10);
constexpr Duration kFirstWithin = std::chrono::seconds(1);
constexpr char kNotAskedYet[] = "not asked yet";

/// A moment of the page's own, so that many pages are not asked at once, now or ever after.
Duration OffsetOf(const PageKey& key, Duration interval) {
  const Duration within = std::min(interval, kFirstWithin);
  const size_t hash = std::hash<std::string>()(key.pod_uid + key.path) +
                      static_cast<size_t>(key.port) * 0x9e3779b97f4a7c15ULL;
  constexpr size_t kSteps = 1009;
  return within * static_cast<Duration::rep>(hash % kSteps) / static_cast<Duration::rep>(kSteps);
}

bool IsAnotherValue(const EngineReading& before, const EngineReading& now) {
  return now.has_value() && !(before.has_value() && before.value() == now.value());
}

}  // namespace

Scraper::Scraper(endpoint::Fetcher& fetcher, endpoint::AddressGuard guard, const base::Clock& clock,
                 std::function<int64_t()> unix_now, telemetry::ScrapeCounters& counters,
                 std::function<void()> on_value)
    : fetcher_(fetcher),
      guard_(std::move(guard)),
      clock_(clock),
      unix_now_(std::move(unix_now)),
      counters_(counters),
      on_value_(std::move(on_value)),
      thread_("scraper", kStuckAfter, [this] { return Turn(); }) {}

void Scraper::TakePlan(const PageKey& key, PagePlan plan, SteadyTime now) {
  Page& page = pages_[key];
  if (!page.wanted && !page.under_way) page.due = now + OffsetOf(key, plan.interval);
  // What is wanted sooner than it was is not left to the old pace.
  page.due = std::min(page.due, now + plan.interval);
  page.wanted = true;
  std::map<std::string, Query> queries;
  for (size_t i = 0; i < plan.keys.size(); ++i) {
    if (auto known = page.queries.extract(plan.keys[i])) {
      queries.insert(std::move(known));
    } else {
      queries.emplace(plan.keys[i],
                      Query{QueryHistory(plan.query->wanted()[i]),
                            EngineReading::Missing(EngineGap::kNoValueYet, kNotAskedYet, now)});
    }
  }
  page.queries = std::move(queries);
  page.plan = std::move(plan);
}

void Scraper::SetTargets(const std::vector<model::EngineScrape>& scrapes) {
  {
    base::MutexLock lock(mutex_);
    if (scrapes == scrapes_) return;
  }
  ScrapePlan plan = PlanScrapes(scrapes, guard_);
  {
    base::MutexLock lock(mutex_);
    const SteadyTime now = clock_.Now();
    for (auto& [key, page] : pages_) {
      if (!page.wanted || plan.pages.count(key) > 0) continue;
      page.wanted = false;
      page.unwanted_since = now;
    }
    for (auto& [key, page] : plan.pages) TakePlan(key, std::move(page), now);
    refused_ = std::move(plan.refused);
    scrapes_ = scrapes;
  }
  thread_.Wake();
}

Duration Scraper::Turn() {
  const SteadyTime now = clock_.Now();
  SteadyTime next = now + kLongestWait;
  std::vector<std::pair<PageKey, PagePlan>> due;
  {
    base::MutexLock lock(mutex_);
    std::erase_if(pages_, [&](const auto& entry) {
      return !entry.second.wanted && !entry.second.under_way &&
             now - entry.second.unwanted_since > kRateWindow;
    });
    for (auto& [key, page] : pages_) {
      if (!page.wanted || page.under_way) continue;
      if (page.due <= now) {
        page.under_way = true;
        due.emplace_back(key, page.plan);
        // Of rounds that were missed none is made up for.
        page.due += page.plan.interval;
        if (page.due <= now) page.due = now + page.plan.interval;
      } else {
        next = std::min(next, page.due);
      }
    }
  }
  for (const auto& [key, plan] : due) {
    FetchPage(fetcher_, {plan.url, plan.address, plan.query, plan.timeout}, now, unix_now_(),
              [this, key, plan](FetchedPage fetched) {
                OnPage(key, plan, fetched.asked, std::move(fetched.page));
              });
  }
  return std::max(next - clock_.Now(), Duration::zero());
}

bool Scraper::TakePage(const PagePlan& plan, SteadyTime asked,
                       const absl::StatusOr<engine::PageReading>& page, Page& known) {
  bool another_value = false;
  for (size_t i = 0; i < plan.keys.size(); ++i) {
    const auto query = known.queries.find(plan.keys[i]);
    if (query == known.queries.end()) continue;
    EngineReading reading =
        page.ok() ? query->second.history.Add(Alone(*page, i), 3 * plan.interval)
                  : EngineReading::Missing(EngineGap::kFault, std::string(page.status().message()),
                                           asked);
    another_value |= IsAnotherValue(query->second.latest, reading);
    query->second.latest = std::move(reading);
  }
  return another_value;
}

void Scraper::OnPage(const PageKey& key, const PagePlan& plan, SteadyTime asked,
                     absl::StatusOr<engine::PageReading> page) {
  const SteadyTime now = clock_.Now();
  counters_.scrapes.Add();
  if (!page.ok()) counters_.failures.Add();
  counters_.duration.Observe(base::Seconds(now - asked));
  bool another_value = false;
  {
    base::MutexLock lock(mutex_);
    const auto found = pages_.find(key);
    if (found == pages_.end()) return;
    Page& known = found->second;
    known.under_way = false;
    // One that failed is left in peace for a round.
    const SteadyTime soonest = page.ok() ? now : now + plan.interval;
    known.due = std::max(known.due, soonest);
    another_value = TakePage(plan, asked, page, known);
  }
  if (another_value && on_value_) on_value_();
  thread_.Wake();
}

std::vector<PodEngineReading> Scraper::Latest() const {
  std::vector<PodEngineReading> readings;
  {
    base::MutexLock lock(mutex_);
    const SteadyTime now = clock_.Now();
    for (const PodEngineReading& refused : refused_) {
      readings.push_back(refused);
      readings.back().reading =
          EngineReading::Missing(refused.reading.gap(), refused.reading.detail(), now);
    }
    for (const auto& [page_key, page] : pages_) {
      if (!page.wanted) continue;
      for (const auto& [key, query] : page.queries) {
        readings.push_back({page_key.pod_uid, key, query.latest, MaxAge(page.plan)});
      }
    }
  }
  std::sort(readings.begin(), readings.end(), [](const auto& a, const auto& b) {
    return std::tie(a.pod_uid, a.key) < std::tie(b.pod_uid, b.key);
  });
  return readings;
}

size_t Scraper::targets() const {
  base::MutexLock lock(mutex_);
  return static_cast<size_t>(std::count_if(pages_.begin(), pages_.end(),
                                           [](const auto& entry) { return entry.second.wanted; }));
}

base::ThreadHealth Scraper::Health() const { return thread_.Health(clock_.Now()); }

}  // namespace kgs::scraping
