// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engine/series_selector.h"

namespace kgs::trigger {

/// Whether \p labels, which can be read ("a=b,c=d"), has a value of each of \p needed.
inline bool Chooses(std::string_view labels, const std::vector<std::string>& needed) {
  const auto given = engine::ParseSeriesLabels(labels).value_or(engine::LabelMatches());
  return std::all_of(needed.begin(), needed.end(), [&](const std::string& name) {
    return std::any_of(given.begin(), given.end(), [&](const auto& label) {
      return label.first == name && !label.second.empty();
    });
  });
}

}  // namespace kgs::trigger
