// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <limits>

#include "fleet/wire.h"

namespace kgs::fleet {
namespace {

using model::EngineQuery;
using model::EngineScrape;
using std::chrono::milliseconds;

constexpr int kHighestPort = 65535;

void Fill(const EngineQuery& query, pb::EngineQuery* message) {
  message->set_signal(query.signal);
  message->set_series_name(query.series_name);
  message->set_series_labels(query.series_labels);
  message->set_series_kind(query.series_kind);
  message->set_series_combine(query.series_combine);
  message->set_series_absent(query.series_absent);
  message->set_port(static_cast<uint32_t>(query.port));
  message->set_path(query.path);
  message->set_interval_ms(static_cast<uint32_t>(
      std::clamp<int64_t>(query.interval.count(), 1, std::numeric_limits<uint32_t>::max())));
}

EngineQuery QueryOf(const pb::EngineQuery& message) {
  EngineQuery query;
  query.signal = message.signal();
  query.series_name = message.series_name();
  query.series_labels = message.series_labels();
  query.series_kind = message.series_kind();
  query.series_combine = message.series_combine();
  query.series_absent = message.series_absent();
  query.port = static_cast<int>(message.port());
  query.path = message.path();
  query.interval = milliseconds(message.interval_ms());
  return query;
}

/// All but the queries.
void FillPod(const EngineScrape& scrape, pb::EngineScrape* message) {
  message->set_pod_uid(scrape.pod_uid);
  message->set_namespace_(scrape.pod.pod_namespace);
  message->set_pod(scrape.pod.name);
  message->set_ip(scrape.ip);
  if (scrape.container_started_unix_seconds) {
    message->set_container_started_unix_seconds(*scrape.container_started_unix_seconds);
  }
}

EngineScrape ScrapeOf(const pb::EngineScrape& message) {
  EngineScrape scrape;
  scrape.pod_uid = message.pod_uid();
  scrape.pod = {message.namespace_(), message.pod()};
  scrape.ip = message.ip();
  if (message.has_container_started_unix_seconds()) {
    scrape.container_started_unix_seconds = message.container_started_unix_seconds();
  }
  for (const pb::EngineQuery& query : message.queries()) {
    if (query.port() <= kHighestPort && query.interval_ms() > 0) {
      scrape.queries.push_back(QueryOf(query));
    }
  }
  return scrape;
}

}  // namespace

pb::Interest ToWire(const EngineScrapes& scrapes, size_t* left_out) {
  pb::Interest message;
  size_t bytes = 0;
  size_t queries = 0;
  *left_out = 0;
  for (const EngineScrape& scrape : scrapes) {
    pb::EngineScrape* added = message.add_engine_scrapes();
    FillPod(scrape, added);
    bytes += added->ByteSizeLong() + kMostFraming;
    for (const EngineQuery& query : scrape.queries) {
      pb::EngineQuery* wanted = added->add_queries();
      Fill(query, wanted);
      const size_t more = wanted->ByteSizeLong() + kMostFraming;
      if (queries == kMostEngineQueries || bytes + more > kMostScrapeBytes) {
        added->mutable_queries()->RemoveLast();
        ++*left_out;
        continue;
      }
      bytes += more;
      ++queries;
    }
    if (added->queries_size() == 0) message.mutable_engine_scrapes()->RemoveLast();
  }
  return message;
}

EngineScrapes EngineScrapesFromWire(const pb::Interest& message) {
  EngineScrapes scrapes;
  for (const pb::EngineScrape& scrape : message.engine_scrapes()) {
    if (!scrape.pod_uid().empty()) scrapes.push_back(ScrapeOf(scrape));
  }
  return UnionOf({scrapes});
}

}  // namespace kgs::fleet
