// SPDX-License-Identifier: Apache-2.0
//
// What is known of nodes and workloads, as JSON for people and tests. Pure. No value of trigger
// metadata is shown.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "fleet/store.h"
#include "http/page.h"
#include "model/workload_view.h"

namespace kgs::http {

struct DebugInput {
  base::SteadyTime now;
  std::map<std::string, fleet::NodeState> nodes;
  /// Why Kubernetes cannot be relied on; else empty.
  std::string kubernetes_problem;
  std::vector<model::WorkloadView> workloads;
};

/// {"nodes":[{"name","connected","agent_version","report_age_seconds","gpus":[...],"pods":[...]}]}
Page DebugNodesPage(const DebugInput& input);

/// {"problem","workloads":[{"kind","namespace","name","target","replicas","problem","pods":[...]}]}
Page DebugWorkloadsPage(const DebugInput& input);

}  // namespace kgs::http
