// SPDX-License-Identifier: Apache-2.0
//
// What a trigger asks of each of its workload's engines, or of what stands before them.
#pragma once

#include <chrono>
#include <compare>
#include <string>

namespace kgs::model {

struct EngineQuery {
  /// A metricType: "vllm_demand", or "prometheus" for a series of the user's own. Or what wakes a
  /// workload: "epp_wake", "prometheus_wake".
  std::string signal;
  // As trigger metadata has them; empty for what is the default. All but the labels, which choose
  // among the series of any signal, are of a series of the user's own alone.
  std::string series_name;
  std::string series_labels;
  std::string series_kind;
  std::string series_combine;
  std::string series_absent;
  /// 0 and empty for the engine's own.
  int port = 0;
  std::string path;
  /// How often the engine is asked.
  std::chrono::milliseconds interval{1000};

  auto operator<=>(const EngineQuery&) const = default;

  /// What the query is called wherever its readings go. Made of all but the interval: two queries
  /// have the same key only where they ask for the same.
  std::string Key() const;
};

}  // namespace kgs::model
