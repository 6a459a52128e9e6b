// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "decision/scope_decision.h"
#include "fleet/store.h"

namespace kgs::scaler {

/// Every node of \p fleet, as a decision wants it.
inline std::vector<decision::NodeView> NodeViews(const fleet::Store& fleet) {
  std::vector<decision::NodeView> nodes;
  for (const auto& [name, node] : fleet.All()) {
    if (node.report == nullptr) {
      nodes.push_back({name, nullptr, {}});
    } else {
      nodes.push_back({name, node.report->snapshot, node.report->max_reading_age});
    }
  }
  return nodes;
}

}  // namespace kgs::scaler
