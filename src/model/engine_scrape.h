// SPDX-License-Identifier: Apache-2.0
//
// What hubs have the agent of a node read from the engines of its pods, and what comes of it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/engine_query.h"
#include "model/engine_reading.h"
#include "model/pod.h"

namespace kgs::model {

/// One pod whose engine is asked.
struct EngineScrape {
  std::string pod_uid;
  PodName pod;
  /// status.podIP, which alone is asked.
  std::string ip;
  /// Pod::containers_started_unix_seconds: the counters of a container that was started again are
  /// another process's.
  std::optional<int64_t> container_started_unix_seconds;
  /// Sorted, each key once.
  std::vector<EngineQuery> queries;

  auto operator<=>(const EngineScrape&) const = default;
};

/// What came of one query to one pod.
struct PodEngineReading {
  std::string pod_uid;
  /// EngineQuery::Key.
  std::string key;
  EngineReading reading;
  /// An older reading is no longer fresh, value or not.
  base::Duration max_age{};

  bool operator==(const PodEngineReading&) const = default;
};

}  // namespace kgs::model
