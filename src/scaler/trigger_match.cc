// SPDX-License-Identifier: Apache-2.0
#include "scaler/trigger_match.h"

#include <map>
#include <optional>

#include "base/strings.h"
#include "trigger/settings.h"
#include "trigger/words.h"

namespace kgs::scaler {
namespace {

/// Kubernetes' own limit for either.
constexpr size_t kLongestName = 253;

std::string NameOf(const externalscaler::ScaledObjectRef& asked) {
  // Whoever reaches the port chooses these.
  return base::OneLine(base::Truncate(asked.namespace_(), kLongestName) + "/" +
                       base::Truncate(asked.name(), kLongestName));
}

struct Found {
  const model::ScaledObject* object;
  const model::Trigger* trigger;

  std::string Text() const {
    return object->key.Text() + " trigger " + std::to_string(trigger->index);
  }
};

}  // namespace

bool IsSentAs(const std::map<std::string, std::string>& stored,
              const google::protobuf::Map<std::string, std::string>& sent) {
  size_t found = 0;
  for (const auto& [key, value] : stored) {
    const auto entry = sent.find(key);
    const bool from_env = key.ends_with(trigger::kFromEnv);
    if (entry == sent.end()) {
      if (!from_env) return false;
      continue;
    }
    if (!from_env && entry->second != value) return false;
    ++found;
  }
  return found == sent.size();
}

absl::StatusOr<TriggerMatch> MatchTrigger(
    const externalscaler::ScaledObjectRef& asked,
    const std::vector<std::shared_ptr<const model::ScaledObject>>& candidates) {
  std::optional<Found> match;
  bool object_known = false;
  for (const auto& object : candidates) {
    if (object == nullptr) continue;
    object_known = true;
    for (const model::Trigger& trigger : object->triggers) {
      if (!IsSentAs(trigger.metadata, asked.scalermetadata())) continue;
      const Found found{object.get(), &trigger};
      if (!match) {
        match = found;
        continue;
      }
      if (match->object != found.object) {
        return absl::InvalidArgumentError(match->Text() + " and " + found.Text() +
                                          " have the same metadata and the same name: rename one, "
                                          "since KEDA does not say which it asks for");
      }
      if (match->trigger->metric_type != trigger.metric_type) {
        return absl::InvalidArgumentError(
            object->key.Text() + ": triggers " + std::to_string(match->trigger->index) + " (" +
            std::string(trigger::HpaMetricTypeName(match->trigger->metric_type)) + ") and " +
            std::to_string(trigger.index) + " (" +
            std::string(trigger::HpaMetricTypeName(trigger.metric_type)) +
            ") have the same metadata and another metricType: give one another metricName");
      }
    }
  }
  if (match)
    return TriggerMatch{match->object->key, match->trigger->index, match->trigger->metric_type};
  if (!object_known) {
    return absl::NotFoundError(
        NameOf(asked) +
        ": Kubernetes knows no ScaledObject or ScaledJob of that name with a trigger whose "
        "scalerAddress names this scaler (--service-names, --namespaces)");
  }
  return absl::NotFoundError(NameOf(asked) +
                             ": none of its triggers that name this scaler has the metadata sent");
}

}  // namespace kgs::scaler
