// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "decision/scope_decision.h"
#include "fleet/store.h"

namespace kgs::scaler {

/// The node of that name in \p fleet, or, where it is empty, every node, as a decision wants them.
inline std::vector<decision::NodeView> NodeViews(const fleet::Store& fleet,
                                                 const std::string& name = "") {
  std::vector<decision::NodeView> nodes;
  const auto add = [&](const std::string& node_name, const fleet::NodeState& node) {
    if (node.report == nullptr) {
      nodes.push_back({node_name, nullptr, {}});
    } else {
      nodes.push_back({node_name, node.report->snapshot, node.report->max_reading_age});
    }
  };
  if (name.empty()) {
    for (const auto& [node_name, node] : fleet.All()) add(node_name, node);
  } else if (const fleet::NodeState node = fleet.Find(name); node.report || node.connected) {
    add(name, node);
  }
  return nodes;
}

}  // namespace kgs::scaler
