// SPDX-License-Identifier: Apache-2.0
//
// From what hubs want of pods to the pages that are fetched. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "endpoint/address_guard.h"
#include "endpoint/ip_address.h"
#include "endpoint/url.h"
#include "engine/page_query.h"
#include "model/engine_scrape.h"

namespace kgs::scraping {

/// One page of one process: counters of two keys are never compared.
struct PageKey {
  std::string pod_uid;
  std::optional<int64_t> container_started_unix_seconds;
  std::string ip;
  int port = 0;
  std::string path;

  auto operator<=>(const PageKey&) const = default;
};

/// What is read of a page in one pass.
struct PagePlan {
  endpoint::Url url;
  /// The pod's, as in the URL.
  endpoint::IpAddress address;
  /// EngineQuery::Key of each of the query's wanted(), in order.
  std::vector<std::string> keys;
  std::shared_ptr<const engine::PageQuery> query;
  /// The shortest that is wanted, but not below what the engine can bear.
  base::Duration interval{};
  base::Duration timeout{};
};

struct ScrapePlan {
  std::map<PageKey, PagePlan> pages;
  /// What is not asked, and why: faults, for as long as it is wanted. Without a time.
  std::vector<model::PodEngineReading> refused;
};

/// How old a reading of that page may be and still be fresh: three rounds, and an answer that takes
/// its time.
base::Duration MaxAge(base::Duration interval, base::Duration timeout);
inline base::Duration MaxAge(const PagePlan& page) { return MaxAge(page.interval, page.timeout); }

/// Only the pod's own address is asked, where \p guard allows it, and only for a path.
ScrapePlan PlanScrapes(const std::vector<model::EngineScrape>& scrapes,
                       const endpoint::AddressGuard& guard);

}  // namespace kgs::scraping
