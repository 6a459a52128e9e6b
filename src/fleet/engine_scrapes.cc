// SPDX-License-Identifier: Apache-2.0
#include "fleet/engine_scrapes.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace kgs::fleet {
namespace {

using model::EngineQuery;
using model::EngineScrape;

struct Joined {
  /// Without its queries.
  EngineScrape pod;
  std::map<std::string, EngineQuery> queries;
};

void Join(const EngineScrape& scrape, Joined& joined) {
  const bool is_new = joined.pod.pod_uid.empty();
  if (is_new || scrape.container_started_unix_seconds > joined.pod.container_started_unix_seconds) {
    joined.pod = scrape;
    joined.pod.queries.clear();
  }
  for (const EngineQuery& query : scrape.queries) {
    const auto [known, added] = joined.queries.try_emplace(query.Key(), query);
    if (!added) known->second.interval = std::min(known->second.interval, query.interval);
  }
}

}  // namespace

EngineScrapes UnionOf(const std::vector<EngineScrapes>& parts) {
  std::map<std::string, Joined> pods;
  for (const EngineScrapes& part : parts) {
    for (const EngineScrape& scrape : part) Join(scrape, pods[scrape.pod_uid]);
  }
  EngineScrapes all;
  size_t queries = 0;
  for (auto& [uid, joined] : pods) {
    EngineScrape& scrape = all.emplace_back(std::move(joined.pod));
    for (auto& [key, query] : joined.queries) {
      if (queries++ == kMostEngineQueries) return all;
      scrape.queries.push_back(std::move(query));
    }
    std::sort(scrape.queries.begin(), scrape.queries.end());
  }
  return all;
}

}  // namespace kgs::fleet
