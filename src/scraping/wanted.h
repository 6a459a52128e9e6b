// SPDX-License-Identifier: Apache-2.0
//
// From a query, as trigger metadata has it, to what is read of a page. Pure.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "base/clock.h"
#include "engine/page_query.h"
#include "model/engine_query.h"

namespace kgs::scraping {

struct Asked {
  engine::Wanted wanted;
  /// The query's, else the engine's.
  int port = 0;
  std::string path;
  /// The engine's; that of any page for a series of the user's own.
  base::Duration timeout = std::chrono::seconds(2);
  base::Duration least_interval{};
};

/// INVALID_ARGUMENT where this version cannot read that: the hub may be a newer one.
absl::StatusOr<Asked> WantedOf(const model::EngineQuery& query);

}  // namespace kgs::scraping
