// SPDX-License-Identifier: Apache-2.0
#include "app/interest.h"

#include "trigger/trigger.h"

namespace kgs::app {
namespace {

/// What of a workload's engines makes it active. Engines are asked in scope workload only.
std::vector<fleet::EngineCrossing> EnginesOf(const trigger::TriggerSpec& spec) {
  std::vector<fleet::EngineCrossing> engines;
  if (trigger::EngineQueriesOf(spec).empty()) return engines;
  if (spec.engine) engines.push_back({spec.engine->key, spec.activation_threshold});
  if (spec.engine_instead) engines.push_back({spec.engine_instead->key, spec.activation_threshold});
  // A request that waits or runs is enough.
  if (spec.engine_load) engines.push_back({spec.engine_load->key, 0});
  return engines;
}

fleet::Interest InterestOf(const trigger::TriggerSpec& spec) {
  fleet::Interest interest;
  if (spec.always_active) return interest;
  interest.engines = EnginesOf(spec);
  if (!spec.engine) interest.gpus = {{spec.metric, spec.aggregation, spec.activation_threshold}};
  return interest;
}

}  // namespace

fleet::Interest InterestOf(const std::vector<std::shared_ptr<const model::ScaledObject>>& objects,
                           trigger::ParseOptions parse) {
  parse.unknown_keys = trigger::UnknownKeys::kWarn;
  std::vector<fleet::Interest> all;
  for (const auto& object : objects) {
    for (const model::Trigger& trigger : object->triggers) {
      if (!trigger.push) continue;
      const auto parsed = trigger::ParseTrigger(trigger.metadata, parse);
      if (!parsed.ok()) continue;
      for (const trigger::TriggerSpec& spec : parsed->specs) all.push_back(InterestOf(spec));
    }
  }
  return fleet::Union(all);
}

}  // namespace kgs::app
