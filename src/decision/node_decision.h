// SPDX-License-Identifier: Apache-2.0
//
// From a trigger and a node's snapshot to the number KEDA gets, or the error instead of a guess.
// Pure: the same inputs give the same answer.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <vector>

#include "base/clock.h"
#include "model/node_snapshot.h"
#include "trigger/trigger.h"

namespace kgs::decision {

/// How old a reading may be and still be served: three sampling intervals, at least 3 s.
base::Duration MaxReadingAge(base::Duration sampling_interval);

struct NodeReadings {
  /// One of each GPU; never empty.
  std::vector<double> values;
  /// When the oldest of them was taken.
  base::SteadyTime oldest;
};

/// What the GPUs that \p spec selects show; fails as NodeValue does.
absl::StatusOr<NodeReadings> ReadNode(const trigger::TriggerSpec& spec,
                                      const model::NodeSnapshot* snapshot, base::SteadyTime now,
                                      base::Duration max_reading_age);

/// Whether the node has GPUs and none of them has the metric, each by its own word, with no driver
/// in trouble: among other nodes it is not missed.
bool OffersNowhere(const trigger::TriggerSpec& spec, const model::NodeSnapshot* snapshot);

/// The aggregate over the GPUs that \p spec selects; finite and at least 0, in the metric's unit.
///
/// A lost GPU is left out, and so is one that never had the metric where others have it.
/// UNAVAILABLE, naming the GPUs and reasons in words that do not change from poll to poll, where
/// nothing has been sampled, a driver is closed, no GPU is selected, all are lost, or any selected
/// one has no fresh reading: an aggregate without it could read as falling load. \p snapshot may be
/// null (nothing sampled yet).
absl::StatusOr<double> NodeValue(const trigger::TriggerSpec& spec,
                                 const model::NodeSnapshot* snapshot, base::SteadyTime now,
                                 base::Duration max_reading_age);

/// Whether the workload has load: NodeValue > activation threshold, or always for a spec that is
/// always active. Fails as NodeValue does.
absl::StatusOr<bool> NodeActivity(const trigger::TriggerSpec& spec,
                                  const model::NodeSnapshot* snapshot, base::SteadyTime now,
                                  base::Duration max_reading_age);

/// Empty while at least one present GPU has a fresh reading; else why none has, in stable words.
std::string WhyBlind(const model::NodeSnapshot* snapshot, base::SteadyTime now,
                     base::Duration max_reading_age);

}  // namespace kgs::decision
