// SPDX-License-Identifier: Apache-2.0
//
// An engine, or a gateway before engines, as its metrics page shows it. Each is one file in
// dialects/, and a row in dialects.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/signal.h"

namespace kgs::engine {

struct Dialect {
  /// As metadata key engine, and before the names of its signals: "vllm".
  std::string name;
  /// For documents: "vLLM".
  std::string title;
  int port = 0;
  std::string path = "/metrics";
  /// What to do where the page is not there or lacks a signal.
  std::string switched_on;
  /// A page with a name that begins so is this engine's.
  std::vector<std::string> prefixes;
  /// Labels of series that repeat the same fact, a series for each value: the largest is taken.
  std::vector<std::string> repeated_over = {};
  /// A page with one of these has served a request. What is absent from it then is not 0.
  std::vector<std::string> served = {};
  /// 1 while the engine is awake, 0 while it sleeps. Engines without sleep lack it.
  std::optional<SeriesName> awake = std::nullopt;
  /// How long an answer may take: some answer between two steps of the model.
  base::Duration timeout = std::chrono::seconds(2);
  /// Not to be asked more often, since that costs it something.
  base::Duration least_interval = std::chrono::seconds(1);
  std::vector<Signal> signals;

  // Of gateways.

  /// Labels that a query must choose a value of: one page is of many workloads.
  std::vector<std::string> selected_by = {};
  /// A page may also be the JSON that queue_counts.h reads.
  bool queue_counts = false;
  /// What tells that somebody wants a workload without replicas: gauges, and counters that move
  /// with each request. It is read by WakeDemand and is no metricType.
  std::optional<Signal> wake = std::nullopt;
};

}  // namespace kgs::engine
