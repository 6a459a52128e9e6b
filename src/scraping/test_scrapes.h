// SPDX-License-Identifier: Apache-2.0
//
// Short ways to say what is asked, for the tests of this folder.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "endpoint/address_guard.h"
#include "model/engine_scrape.h"

namespace kgs::scraping::testing {

inline model::EngineQuery Query(const std::string& signal,
                                std::chrono::milliseconds interval = std::chrono::seconds(1)) {
  model::EngineQuery query;
  query.signal = signal;
  query.interval = interval;
  return query;
}

/// A counter of the user's own, per second.
inline model::EngineQuery CounterQuery(const std::string& name, int port = 8000) {
  model::EngineQuery query = Query("prometheus");
  query.series_name = name;
  query.series_kind = "counter";
  query.port = port;
  return query;
}

inline model::EngineScrape Scrape(const std::string& uid, std::vector<model::EngineQuery> queries,
                                  const std::string& ip = "10.0.0.1") {
  return {uid, {"team", "pod-" + uid}, ip, 1700000000, std::move(queries)};
}

inline endpoint::AddressGuard Guard(const std::vector<std::string>& allowed = {}) {
  return endpoint::AddressGuard({endpoint::ParseAllowed(allowed).value(), {}, nullptr});
}

}  // namespace kgs::scraping::testing
