// SPDX-License-Identifier: Apache-2.0
#include "scaler/trigger_match.h"

#include <algorithm>
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

/// Whether KEDA may send the same for both: they differ at most in what comes from the environment.
bool MayBeSentAlike(const std::map<std::string, std::string>& a,
                    const std::map<std::string, std::string>& b) {
  const auto plain = [](const std::map<std::string, std::string>& metadata) {
    std::map<std::string, std::string> rest;
    for (const auto& [key, value] : metadata) {
      if (!key.ends_with(trigger::kFromEnv)) rest.emplace(key, value);
    }
    return rest;
  };
  return plain(a) == plain(b);
}

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

absl::Status CheckDistinct(const model::ScaledObject& object, const model::Trigger& trigger) {
  const auto text = [&](const model::Trigger& one) {
    return std::to_string(one.index) + " (" +
           std::string(trigger::HpaMetricTypeName(one.metric_type)) + ")";
  };
  for (const model::Trigger& other : object.triggers) {
    if (other.index == trigger.index || !MayBeSentAlike(trigger.metadata, other.metadata)) continue;
    if (other.metadata == trigger.metadata && other.metric_type == trigger.metric_type) continue;
    const auto& [first, second] =
        std::minmax(trigger, other, [](const auto& a, const auto& b) { return a.index < b.index; });
    return absl::InvalidArgumentError(
        object.key.Text() + ": triggers " + text(first) + " and " + text(second) +
        (first.metadata == second.metadata ? " have the same metadata and another metricType"
                                           : " differ in what comes from the environment alone") +
        ": give one another metricName");
  }
  return absl::OkStatus();
}

absl::StatusOr<TriggerMatch> MatchTrigger(
    const externalscaler::ScaledObjectRef& asked,
    const std::vector<std::shared_ptr<const model::ScaledObject>>& candidates) {
  std::optional<Found> match;
  bool object_known = false;
  for (const auto& object : candidates) {
    if (object == nullptr) continue;
    object_known = true;
    const auto trigger = std::find_if(
        object->triggers.begin(), object->triggers.end(),
        [&](const model::Trigger& one) { return IsSentAs(one.metadata, asked.scalermetadata()); });
    if (trigger == object->triggers.end()) continue;
    const Found found{object.get(), &*trigger};
    if (match) {
      return absl::InvalidArgumentError(match->Text() + " and " + found.Text() +
                                        " have the same metadata and the same name: rename one, "
                                        "since KEDA does not say which it asks for");
    }
    match = found;
  }
  if (match) {
    absl::Status status = CheckDistinct(*match->object, *match->trigger);
    if (!status.ok()) return status;
    return TriggerMatch{match->object->key, match->trigger->index, match->trigger->metric_type};
  }
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
