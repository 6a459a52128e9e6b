// SPDX-License-Identifier: Apache-2.0
//
// Which stored trigger an RPC means. KEDA sends a trigger's metadata and neither its index nor its
// metricType, so the metadata must be found again in the object. Pure.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "externalscaler.pb.h"
#include "model/scaled_object.h"

namespace kgs::scaler {

struct TriggerMatch {
  model::ObjectKey key;
  /// The first of equal ones.
  int trigger_index = 0;
  model::HpaMetricType metric_type = model::HpaMetricType::kAverageValue;
};

/// Whether KEDA makes \p sent of \p stored: the same keys and values, but that a key which ends in
/// FromEnv has another value, and is left out where its variable is empty.
bool IsSentAs(const std::map<std::string, std::string>& stored,
              const google::protobuf::Map<std::string, std::string>& sent);

/// INVALID_ARGUMENT where KEDA's calls for \p trigger of \p object cannot be told from those for
/// another of its triggers and it would matter which is meant.
absl::Status CheckDistinct(const model::ScaledObject& object, const model::Trigger& trigger);

/// Among \p candidates, the objects of the name that \p asked has (a ScaledObject and a ScaledJob
/// may share one; null ones count as absent). NOT_FOUND where none has such a trigger,
/// INVALID_ARGUMENT where more than one has and it would matter which is meant.
absl::StatusOr<TriggerMatch> MatchTrigger(
    const externalscaler::ScaledObjectRef& asked,
    const std::vector<std::shared_ptr<const model::ScaledObject>>& candidates);

}  // namespace kgs::scaler
