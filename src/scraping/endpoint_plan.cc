// SPDX-License-Identifier: Apache-2.0
#include "scraping/endpoint_plan.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "scraping/page_plan.h"
#include "scraping/wanted.h"

namespace kgs::scraping {
namespace {

using model::EngineGap;
using model::EngineReading;

/// An endpoint while its queries are collected.
struct Collected {
  EndpointPlan plan;
  std::vector<engine::Wanted> wanted;
  base::Duration interval = base::Duration::max();
  base::Duration least_interval{};
};

bool Has(const EndpointPlan& plan, const std::string& key) {
  return plan.refused.count(key) > 0 ||
         std::find(plan.keys.begin(), plan.keys.end(), key) != plan.keys.end();
}

void Collect(const model::EngineQuery& query, Collected& endpoint) {
  EndpointPlan& plan = endpoint.plan;
  endpoint.interval = std::min<base::Duration>(endpoint.interval, query.interval);
  std::string key = query.Key();
  if (Has(plan, key)) return;
  auto asked = WantedOf(query);
  if (!asked.ok()) {
    plan.refused.emplace(std::move(key), std::string(asked.status().message()));
    return;
  }
  plan.keys.push_back(std::move(key));
  plan.timeout = std::max(plan.timeout, asked->timeout);
  endpoint.least_interval = std::max(endpoint.least_interval, asked->least_interval);
  endpoint.wanted.push_back(std::move(asked->wanted));
}

/// From what is no trouble to what is most.
int Badness(const EngineReading& reading) {
  if (reading.has_value()) return 0;
  switch (reading.gap()) {
    case EngineGap::kNothingHappened:
    case EngineGap::kSleeping:
      return 0;
    case EngineGap::kNoValueYet:
      return 1;
    case EngineGap::kUnknown:
      return 2;
    case EngineGap::kAbsent:
      return 3;
    case EngineGap::kFault:
      return 4;
  }
  return 4;
}

/// Why the whole has no value; nothing where every address is known.
std::optional<EngineReading> WhatIsMissing(const std::vector<AddressReading>& all,
                                           base::SteadyTime asked) {
  const auto worst = std::max_element(all.begin(), all.end(),
                                      [](const AddressReading& a, const AddressReading& b) {
                                        return Badness(a.reading) < Badness(b.reading);
                                      });
  if (Badness(worst->reading) == 0) return std::nullopt;
  std::string detail = worst->reading.detail();
  // What the fetcher says begins with it.
  if (detail.rfind(worst->where, 0) != 0) detail = worst->where + ": " + detail;
  return EngineReading::Missing(worst->reading.gap(), std::move(detail), asked);
}

}  // namespace

EndpointKey KeyOf(const EndpointTarget& target) {
  return {target.url.Text(), target.object_namespace, target.credential, target.wakes};
}

std::map<EndpointKey, EndpointPlan> PlanEndpoints(const std::vector<EndpointTarget>& targets) {
  std::map<EndpointKey, Collected> endpoints;
  for (const EndpointTarget& target : targets) {
    if (target.queries.empty()) continue;
    Collected& endpoint = endpoints[KeyOf(target)];
    endpoint.plan.url = target.url;
    endpoint.plan.object_namespace = target.object_namespace;
    endpoint.plan.credential = target.credential;
    for (const model::EngineQuery& query : target.queries) Collect(query, endpoint);
  }
  std::map<EndpointKey, EndpointPlan> plans;
  for (auto& [key, endpoint] : endpoints) {
    EndpointPlan plan = std::move(endpoint.plan);
    plan.query = std::make_shared<const engine::PageQuery>(std::move(endpoint.wanted));
    plan.interval = std::max(endpoint.interval, endpoint.least_interval);
    plans.emplace(key, std::move(plan));
  }
  return plans;
}

base::Duration MaxAge(const EndpointPlan& plan) { return MaxAge(plan.interval, plan.timeout); }

EngineReading CombineAddresses(bool demand, const std::vector<AddressReading>& all,
                               base::SteadyTime asked) {
  if (auto missing = WhatIsMissing(all, asked)) return *std::move(missing);
  std::optional<double> value;
  bool asleep = false;
  for (const AddressReading& one : all) {
    if (!one.reading.has_value()) {
      asleep |= one.reading.gap() == EngineGap::kSleeping;
      continue;
    }
    const double next = one.reading.value();
    if (!value) {
      value = next;
    } else {
      value = demand ? *value + next : std::max(*value, next);
    }
  }
  if (value && std::isfinite(*value)) return EngineReading::Value(*value, asked);
  if (value) {
    return EngineReading::Missing(EngineGap::kFault, "the addresses' values make no finite number",
                                  asked);
  }
  const bool all_asleep =
      asleep && std::all_of(all.begin(), all.end(), [](const AddressReading& one) {
        return one.reading.gap() == EngineGap::kSleeping;
      });
  // In what does not sleep nothing happened.
  return EngineReading::Missing(all_asleep ? EngineGap::kSleeping : EngineGap::kNothingHappened, "",
                                asked);
}

}  // namespace kgs::scraping
