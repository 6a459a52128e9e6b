// SPDX-License-Identifier: Apache-2.0
//
// From a trigger and what is known of its workload to the number KEDA gets, or the error instead of
// a guess. Pure: the same inputs give the same answer.
//
// The number is one of the whole workload or none: while any pod that counts has no fresh reading,
// or while pods that the target wants are not there yet, there is an error that names them, and
// KEDA holds the replicas. Pods that are terminating or have ended do not count.
#pragma once

#include <absl/status/statusor.h>

#include "base/clock.h"
#include "model/workload_view.h"
#include "trigger/trigger.h"

namespace kgs::decision {

/// Finite and at least 0, in the metric's unit, such that the HPA's arithmetic comes out right for
/// \p metric_type: a level (a percentage) is the mean over the replicas, times their number for
/// AverageValue, which divides by it; a demand (MiB, watts) is the sum over the replicas, divided
/// by their number for Value. A replica's reading is the aggregate over its GPUs; a replica is a
/// pod, or the pods of one group (see UnitsOf). Of a GPU that pods share, a demand counts by this
/// pod's shares and a level as it is.
///
/// 0 for a target of 0 replicas. INVALID_ARGUMENT for a level of a ScaledJob, whose arithmetic
/// counts things to do.
absl::StatusOr<double> WorkloadValue(const trigger::TriggerSpec& spec,
                                     model::HpaMetricType metric_type,
                                     const model::WorkloadView& view, base::SteadyTime now);

/// Whether any replica's reading is above the activation threshold, or always for a spec that is
/// always active. False for a target of 0 replicas. Fails as WorkloadValue does.
absl::StatusOr<bool> WorkloadActivity(const trigger::TriggerSpec& spec,
                                      model::HpaMetricType metric_type,
                                      const model::WorkloadView& view, base::SteadyTime now);

}  // namespace kgs::decision
