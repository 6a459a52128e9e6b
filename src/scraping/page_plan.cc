// SPDX-License-Identifier: Apache-2.0
#include "scraping/page_plan.h"

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "scraping/wanted.h"

namespace kgs::scraping {
namespace {

using model::EngineQuery;
using model::EngineScrape;

constexpr base::Duration kLeastMaxAge = std::chrono::seconds(3);

struct Target {
  endpoint::Url url;
  endpoint::IpAddress address;
};

/// Where a query is asked of a pod, or why it is not.
absl::StatusOr<Target> TargetOf(const EngineScrape& scrape, int port, const std::string& path,
                                const endpoint::AddressGuard& guard) {
  const auto address = endpoint::IpAddress::Parse(scrape.ip);
  if (!address) return absl::InvalidArgumentError("the pod's address is no IP address");
  if (port < 1 || port > 65535) return absl::InvalidArgumentError("no port is given to ask");
  if (path.empty() || path.front() != '/') {
    return absl::InvalidArgumentError("the path does not begin with a '/'");
  }
  auto url = endpoint::ParseUrl("http://" + address->UrlText() + ":" + std::to_string(port) + path);
  if (!url.ok()) return url.status();
  // What was read is what was meant, and nothing that only looks like it.
  if (url->address != address || url->port != port || url->path_and_query != path) {
    return absl::InvalidArgumentError("the path is none of a page");
  }
  absl::Status judged =
      guard.Judge(*address, static_cast<uint16_t>(port), scrape.pod.pod_namespace);
  if (!judged.ok()) return judged;
  return Target{*std::move(url), *address};
}

/// A page while its queries are collected.
struct Collected {
  Target target;
  std::vector<std::string> keys;
  std::vector<engine::Wanted> wanted;
  base::Duration interval = base::Duration::max();
  base::Duration least_interval{};
  base::Duration timeout{};
};

PagePlan PlanOf(Collected page) {
  return {.url = std::move(page.target.url),
          .address = page.target.address,
          .keys = std::move(page.keys),
          .query = std::make_shared<const engine::PageQuery>(std::move(page.wanted)),
          .interval = std::max(page.interval, page.least_interval),
          .timeout = page.timeout};
}

/// Adds \p query to the page it is read of.
absl::Status Collect(const EngineScrape& scrape, const EngineQuery& query,
                     const endpoint::AddressGuard& guard, std::map<PageKey, Collected>& pages) {
  auto asked = WantedOf(query);
  if (!asked.ok()) return asked.status();
  auto target = TargetOf(scrape, asked->port, asked->path, guard);
  if (!target.ok()) return target.status();
  Collected& page = pages[{scrape.pod_uid, scrape.container_started_unix_seconds, scrape.ip,
                           asked->port, asked->path}];
  page.target = *std::move(target);
  page.keys.push_back(query.Key());
  page.wanted.push_back(std::move(asked->wanted));
  page.interval = std::min<base::Duration>(page.interval, query.interval);
  page.least_interval = std::max(page.least_interval, asked->least_interval);
  page.timeout = std::max(page.timeout, asked->timeout);
  return absl::OkStatus();
}

}  // namespace

base::Duration MaxAge(base::Duration interval, base::Duration timeout) {
  return std::max(3 * interval, kLeastMaxAge) + timeout;
}

ScrapePlan PlanScrapes(const std::vector<EngineScrape>& scrapes,
                       const endpoint::AddressGuard& guard) {
  ScrapePlan plan;
  std::map<PageKey, Collected> pages;
  for (const EngineScrape& scrape : scrapes) {
    for (const EngineQuery& query : scrape.queries) {
      const absl::Status status = Collect(scrape, query, guard, pages);
      if (status.ok()) continue;
      plan.refused.push_back({scrape.pod_uid, query.Key(),
                              model::EngineReading::Missing(model::EngineGap::kFault,
                                                            std::string(status.message()), {}),
                              kLeastMaxAge});
    }
  }
  for (auto& [key, page] : pages) plan.pages.emplace(key, PlanOf(std::move(page)));
  return plan;
}

}  // namespace kgs::scraping
