// SPDX-License-Identifier: Apache-2.0
#include "app/interest.h"

#include "trigger/trigger.h"

namespace kgs::app {

fleet::Interest InterestOf(const std::vector<std::shared_ptr<const model::ScaledObject>>& objects) {
  std::vector<fleet::Interest> all;
  for (const auto& object : objects) {
    for (const model::Trigger& trigger : object->triggers) {
      if (!trigger.push) continue;
      const auto parsed = trigger::ParseTrigger(trigger.metadata, trigger::UnknownKeys::kWarn);
      if (!parsed.ok()) continue;
      for (const trigger::TriggerSpec& spec : parsed->specs) {
        // Engines are asked at intervals of their own.
        if (spec.always_active || spec.engine) continue;
        all.push_back({{spec.metric, spec.aggregation, spec.activation_threshold}});
      }
    }
  }
  return fleet::Union(all);
}

}  // namespace kgs::app
