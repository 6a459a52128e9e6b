// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "kube/json_fields.h"
#include "kube/labels.h"
#include "kube/objects.h"

namespace kgs::kube {

using model::HpaMetricType;

namespace {

constexpr int kMost = std::numeric_limits<int32_t>::max();

/// As Go's strconv.ParseBool has it, which KEDA reads annotations by.
bool IsFalse(const std::string& text) {
  static constexpr std::array<const char*, 6> kFalse = {"0", "f", "F", "FALSE", "false", "False"};
  for (const char* one : kFalse) {
    if (text == one) return true;
  }
  return false;
}

/// KEDA takes what is no bool as true.
bool IsPaused(model::ObjectKind kind, const JsonFields& annotations) {
  if (kind == model::ObjectKind::kScaledObject && annotations.Has(kPausedReplicasAnnotation)) {
    return true;
  }
  return annotations.Has(kPausedAnnotation) && !IsFalse(annotations.Text(kPausedAnnotation));
}

/// Nothing for a type that KEDA refuses.
std::optional<HpaMetricType> MetricTypeOf(model::ObjectKind kind, const std::string& text) {
  if (kind == model::ObjectKind::kScaledJob) return HpaMetricType::kNone;
  if (text.empty() || text == "AverageValue") return HpaMetricType::kAverageValue;
  if (text == "Value") return HpaMetricType::kValue;
  return std::nullopt;
}

/// The group is what stands before the slash; the core group has none.
void ReadApiVersion(const std::string& api_version, model::TargetRef& target) {
  const size_t slash = api_version.find('/');
  target.group = slash == std::string::npos ? "" : api_version.substr(0, slash);
  target.version = slash == std::string::npos ? api_version : api_version.substr(slash + 1);
}

model::TargetRef TargetOf(const JsonFields& spec, const JsonFields& status) {
  const JsonFields ref = spec.Object("scaleTargetRef");
  model::TargetRef target;
  const std::string api_version = ref.Text("apiVersion");
  ReadApiVersion(api_version.empty() ? "apps/v1" : api_version, target);
  const std::string kind = ref.Text("kind");
  target.kind = kind.empty() ? "Deployment" : kind;
  target.name = ref.NeededText("name");
  const JsonFields resolved = status.Object("scaleTargetGVKR");
  // KEDA writes status after it has seen spec: it may still speak of an earlier target.
  const bool same = resolved.Text("group") == target.group &&
                    resolved.Text("version") == target.version &&
                    resolved.Text("kind") == target.kind;
  if (const std::optional<std::string> apps = AppsResource(target)) {
    target.resource = *apps;
  } else if (same) {
    target.resource = resolved.Text("resource");
  }
  return target;
}

void ReadModifiers(const JsonFields& spec, model::ScaledObject& object) {
  const JsonFields field = spec.Object("advanced").Object("scalingModifiers");
  model::ScalingModifiers modifiers;
  modifiers.formula = field.Text("formula");
  modifiers.target = field.Text("target");
  const std::string type = field.Text("metricType");
  const std::optional<HpaMetricType> metric_type = MetricTypeOf(object.key.kind, type);
  if (!metric_type) field.Refuse("metricType", "neither AverageValue nor Value");
  modifiers.metric_type = metric_type.value_or(HpaMetricType::kAverageValue);
  if (!modifiers.formula.empty() || !modifiers.target.empty() || !type.empty()) {
    object.modifiers = modifiers;
  }
}

void ReadTriggers(const JsonFields& spec,
                  const std::function<bool(const std::string& scaler_address)>& names_us,
                  model::ScaledObject& object) {
  int index = -1;
  for (const JsonFields& field : spec.Objects("triggers")) {
    ++index;
    const std::string type = field.Text("type");
    if (type != "external" && type != "external-push") continue;
    const JsonFields metadata = field.Object("metadata");
    if (!names_us(metadata.Text("scalerAddress"))) continue;
    const std::optional<HpaMetricType> metric_type =
        MetricTypeOf(object.key.kind, field.Text("metricType"));
    if (!metric_type) continue;
    model::Trigger trigger;
    trigger.index = index;
    trigger.name = field.Text("name");
    trigger.push = type == "external-push";
    trigger.metric_type = *metric_type;
    metadata.EachText([&](const std::string& key, const std::string& value) {
      trigger.metadata.emplace(key, value);
    });
    object.triggers.push_back(std::move(trigger));
  }
}

}  // namespace

absl::StatusOr<model::ScaledObject> ReadScaledObject(
    model::ObjectKind kind, const nlohmann::json& object,
    const std::function<bool(const std::string& scaler_address)>& names_us) {
  absl::Status problem;
  const JsonFields root(object, problem);
  const JsonFields metadata = root.Object("metadata");
  const JsonFields spec = root.Object("spec");
  model::ScaledObject result;
  result.key = {kind, metadata.NeededText("namespace"), metadata.NeededText("name")};
  result.uid = metadata.NeededText("uid");
  result.generation = metadata.Integer64("generation", 0);
  result.paused = IsPaused(kind, metadata.Object("annotations"));
  if (kind == model::ObjectKind::kScaledObject) {
    result.target = TargetOf(spec, root.Object("status"));
    ReadModifiers(spec, result);
    result.idle_replicas = spec.Integer("idleReplicaCount", 0, kMost);
  }
  result.polling_interval =
      std::chrono::seconds(spec.Integer("pollingInterval", 1, kMost).value_or(30));
  result.min_replicas = spec.Integer("minReplicaCount", 0, kMost).value_or(0);
  result.max_replicas = spec.Integer("maxReplicaCount", 0, kMost).value_or(100);
  ReadTriggers(spec, names_us, result);
  if (!problem.ok()) {
    return absl::InvalidArgumentError(result.key.Text() + ": " + std::string(problem.message()));
  }
  return result;
}

}  // namespace kgs::kube
