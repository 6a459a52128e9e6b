// SPDX-License-Identifier: Apache-2.0
//
// What one node says of itself: its GPUs' readings and which pods hold them. Built on the node,
// published whole to every hub. Steady times are those of the process that holds the report: fleet
// translates them on arrival.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/allocation.h"
#include "model/engine_scrape.h"
#include "model/node_snapshot.h"

namespace kgs::model {

struct NodeReport {
  /// The name of the Kubernetes node.
  std::string node;
  /// Never null in a published report.
  std::shared_ptr<const NodeSnapshot> snapshot;
  /// How old a reading may be and still be served.
  base::Duration max_reading_age{};
  /// False until a kubelet has answered once.
  bool pods_listed = false;
  /// The last answer of the kubelet.
  ListingTime listed;
  /// Why the kubelet cannot be asked, in stable words; else empty. What it said before holds on.
  std::string listing_problem;
  /// By pod name.
  std::vector<PodDevices> pods;
  /// By pod_uid and key.
  std::vector<PodEngineReading> engines;
};

}  // namespace kgs::model
