// SPDX-License-Identifier: Apache-2.0
//
// Kubernetes label selectors: which labels are meant.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "model/pod.h"

namespace kgs::model {

struct LabelRequirement {
  enum class Operator { kIn, kNotIn, kExists, kDoesNotExist };

  std::string key;
  Operator op = Operator::kExists;
  /// Of kIn and kNotIn; sorted.
  std::vector<std::string> values;

  bool operator==(const LabelRequirement&) const = default;
};

/// All requirements must hold. Without any it selects nothing here: Kubernetes refuses an empty
/// selector of a workload, and KEDA's HPA an empty one of a scale.
struct LabelSelector {
  std::vector<LabelRequirement> requirements;

  bool operator==(const LabelSelector&) const = default;
  /// As Kubernetes decides: kNotIn holds where the key is absent.
  bool Matches(const Labels& labels) const;
  /// "app=web,tier in (a,b),!canary", the form of a scale's status.selector.
  std::string Text() const;
};

/// What Kubernetes takes for the key of a label ("app", "example.com/app") and for its value.
bool IsLabelKey(std::string_view text);
bool IsLabelValue(std::string_view text);

/// Reads that form (also ==, !=, notin, exists). INVALID_ARGUMENT says what is wrong with it.
absl::StatusOr<LabelSelector> ParseLabelSelector(std::string_view text);

}  // namespace kgs::model
