// SPDX-License-Identifier: Apache-2.0
//
// Which engines agents are to ask for the triggers that there are. Pure, but for the store's lock.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fleet/engine_scrapes.h"
#include "kube/store.h"
#include "model/engine_query.h"

namespace kgs::scaler {

/// By node.
using ScrapesByNode = std::map<std::string, fleet::EngineScrapes>;

/// Collects what is asked, workload by workload.
class ScrapeCollector {
 public:
  /// \p queries are asked of every pod of \p workload that can answer: that runs, is not being
  /// deleted, and has an address.
  void Add(const kube::Workload& workload, const std::vector<model::EngineQuery>& queries);

  /// All of it. A pod of two workloads stands once, with what both ask.
  ScrapesByNode Take();

 private:
  std::map<std::string, std::vector<fleet::EngineScrapes>> by_node_;
};

}  // namespace kgs::scaler
