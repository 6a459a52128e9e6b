// SPDX-License-Identifier: Apache-2.0
#include "decision/metric_type.h"

#include <absl/status/status.h>

#include <string>

namespace kgs::decision {

using model::HpaMetricType;

absl::StatusOr<HpaMetricType> EffectiveMetricType(const trigger::TriggerSpec& spec,
                                                  std::optional<HpaMetricType> told,
                                                  const model::ScaledObject* object) {
  const std::string who = object == nullptr ? "" : object->key.Text() + ": ";
  const bool is_job = told == HpaMetricType::kNone;
  if (told && !is_job && object != nullptr && object->modifiers) {
    told = object->modifiers->metric_type;
  }
  if (told && spec.hpa_metric_type && *told != *spec.hpa_metric_type) {
    return absl::InvalidArgumentError(
        who + "hpaMetricType contradicts Kubernetes, where the HPA's metric type is " +
        std::string(trigger::HpaMetricTypeName(*told)) + ": leave it out");
  }
  if (is_job && !trigger::IsDemand(spec)) {
    return absl::InvalidArgumentError(
        who + "metricType " + std::string(trigger::MetricNameOf(spec)) +
        " is a level, which says nothing of how many jobs to start; scale a ScaledJob on a demand");
  }
  if (told) return *told;
  return spec.hpa_metric_type.value_or(HpaMetricType::kAverageValue);
}

}  // namespace kgs::decision
