// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <optional>

#include "model/scaled_object.h"
#include "trigger/trigger.h"

namespace kgs::decision {

/// How the HPA reads the number: as \p object's scalingModifiers say, else as \p told, the
/// trigger's metricType in Kubernetes, else as hpaMetricType says, else as KEDA's default.
/// \p object is null and \p told nothing where Kubernetes cannot be asked.
///
/// INVALID_ARGUMENT where hpaMetricType contradicts Kubernetes, and for a level of a ScaledJob,
/// whose arithmetic counts things to do.
absl::StatusOr<model::HpaMetricType> EffectiveMetricType(const trigger::TriggerSpec& spec,
                                                         std::optional<model::HpaMetricType> told,
                                                         const model::ScaledObject* object);

}  // namespace kgs::decision
