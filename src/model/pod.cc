// SPDX-License-Identifier: Apache-2.0
#include "model/pod.h"

#include <algorithm>

namespace kgs::model {

const std::string* FindLabel(const Labels& labels, const std::string& key) {
  const auto found = std::lower_bound(
      labels.begin(), labels.end(), key,
      [](const auto& label, const std::string& wanted) { return label.first < wanted; });
  return found != labels.end() && found->first == key ? &found->second : nullptr;
}

}  // namespace kgs::model
