// SPDX-License-Identifier: Apache-2.0
#include "kube/objects.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "kube/json_fields.h"
#include "kube/labels.h"

namespace kgs::kube {

using nlohmann::json;

namespace {

constexpr int kMostReplicas = std::numeric_limits<int32_t>::max();

ObjectMeta MetaOf(const JsonFields& metadata) {
  ObjectMeta meta;
  meta.object_namespace = metadata.Text("namespace");
  meta.name = metadata.NeededText("name");
  meta.uid = metadata.NeededText("uid");
  return meta;
}

/// "pod team-a/web-0: spec.nodeName: not a string".
absl::Status Of(const std::string& what, const ObjectMeta& meta, const absl::Status& problem) {
  const std::string name =
      meta.object_namespace.empty() ? meta.name : meta.object_namespace + "/" + meta.name;
  return absl::InvalidArgumentError(what + " " + name + ": " + std::string(problem.message()));
}

model::PodPhase PhaseOf(const std::string& text) {
  if (text == "Pending") return model::PodPhase::kPending;
  if (text == "Running") return model::PodPhase::kRunning;
  if (text == "Succeeded") return model::PodPhase::kSucceeded;
  if (text == "Failed") return model::PodPhase::kFailed;
  return model::PodPhase::kUnknown;
}

model::Labels LabelsOf(const JsonFields& labels) {
  model::Labels result;
  labels.EachText(
      [&](const std::string& key, const std::string& value) { result.emplace_back(key, value); });
  std::sort(result.begin(), result.end());
  return result;
}

int GroupSizeOf(const JsonFields& annotations) {
  const std::string text = annotations.Text(kGroupSizeAnnotation);
  if (text.empty()) return 0;
  const std::optional<long long> size = base::ParseInteger(text);
  if (size && *size >= 1 && *size <= kMostReplicas) return static_cast<int>(*size);
  annotations.Refuse(kGroupSizeAnnotation, "not a whole number from 1");
  return 0;
}

void ReadStatus(const JsonFields& status, model::Pod& pod) {
  pod.phase = PhaseOf(status.Text("phase"));
  pod.started_unix_seconds = status.Time("startTime");
  for (const JsonFields& condition : status.Objects("conditions")) {
    if (condition.Text("type") != "Ready") continue;
    pod.ready = condition.Text("status") == "True";
    pod.ready_changed_unix_seconds = condition.Time("lastTransitionTime");
  }
  pod.ip = status.Text("podIP");
  for (const JsonFields& container : status.Objects("containerStatuses")) {
    const auto started = container.Object("state").Object("running").Time("startedAt");
    pod.containers_started_unix_seconds = std::max(pod.containers_started_unix_seconds, started);
  }
}

/// One of matchExpressions.
model::LabelRequirement RequirementOf(const JsonFields& expression) {
  using Operator = model::LabelRequirement::Operator;
  model::LabelRequirement requirement;
  requirement.key = expression.NeededText("key");
  requirement.values = expression.Texts("values");
  std::vector<std::string>& values = requirement.values;
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const std::string op = expression.Text("operator");
  const bool has_set = op == "In" || op == "NotIn";
  if (op == "In") {
    requirement.op = Operator::kIn;
  } else if (op == "NotIn") {
    requirement.op = Operator::kNotIn;
  } else if (op == "Exists") {
    requirement.op = Operator::kExists;
  } else if (op == "DoesNotExist") {
    requirement.op = Operator::kDoesNotExist;
  } else {
    expression.Refuse("operator", "none of In, NotIn, Exists and DoesNotExist");
  }
  if (has_set == values.empty()) {
    expression.Refuse("values", has_set ? "missing" : "not empty for Exists or DoesNotExist");
  }
  return requirement;
}

/// Refuses what no label can be. The API server takes none of it; a value with a comma would read
/// as two requirements wherever the selector is sent or shown as text.
void CheckLabels(const JsonFields& field, const model::LabelRequirement& requirement) {
  if (!model::IsLabelKey(requirement.key)) {
    field.Refuse("key", base::QuoteForMessage(requirement.key) + " is no label key");
  }
  for (const std::string& value : requirement.values) {
    if (model::IsLabelValue(value)) continue;
    field.Refuse("value", base::QuoteForMessage(value) + " is no label value");
  }
}

model::LabelSelector SelectorOf(const JsonFields& field) {
  model::LabelSelector selector;
  const JsonFields match_labels = field.Object("matchLabels");
  match_labels.EachText([&](const std::string& key, const std::string& value) {
    selector.requirements.push_back({key, model::LabelRequirement::Operator::kIn, {value}});
    CheckLabels(match_labels, selector.requirements.back());
  });
  for (const JsonFields& expression : field.Objects("matchExpressions")) {
    selector.requirements.push_back(RequirementOf(expression));
    CheckLabels(expression, selector.requirements.back());
  }
  return selector;
}

/// The attribute uuid; a name without a domain is in the driver's.
std::string UuidOf(const JsonFields& device, const std::string& driver) {
  // v1beta1 has what describes a device one level deeper.
  const JsonFields holder = device.Has("basic") ? device.Object("basic") : device;
  const JsonFields attributes = holder.Object("attributes");
  const std::string uuid = attributes.Object("uuid").Text("string");
  return uuid.empty() ? attributes.Object(driver + "/uuid").Text("string") : uuid;
}

}  // namespace

absl::StatusOr<ObjectMeta> ReadMeta(const json& object) {
  absl::Status problem;
  ObjectMeta meta = MetaOf(JsonFields(object, problem).Object("metadata"));
  if (!problem.ok()) return Of("object", meta, problem);
  return meta;
}

absl::StatusOr<model::Pod> ReadPod(const json& object) {
  absl::Status problem;
  const JsonFields root(object, problem);
  const JsonFields metadata = root.Object("metadata");
  const ObjectMeta meta = MetaOf(metadata);
  model::Pod pod;
  pod.name = {metadata.NeededText("namespace"), meta.name};
  pod.uid = meta.uid;
  pod.labels = LabelsOf(metadata.Object("labels"));
  pod.terminating = metadata.Has("deletionTimestamp");
  pod.group_size = GroupSizeOf(metadata.Object("annotations"));
  pod.node = root.Object("spec").Text("nodeName");
  ReadStatus(root.Object("status"), pod);
  if (!problem.ok()) return Of("pod", meta, problem);
  return pod;
}

std::optional<std::string> AppsResource(const model::TargetRef& ref) {
  if (ref.group != "apps" || ref.version != "v1") return std::nullopt;
  if (ref.kind == "Deployment") return "deployments";
  if (ref.kind == "StatefulSet") return "statefulsets";
  if (ref.kind == "ReplicaSet") return "replicasets";
  return std::nullopt;
}

absl::StatusOr<model::ScaleTarget> ReadAppsTarget(const model::TargetRef& ref, const json& object) {
  absl::Status problem;
  const JsonFields root(object, problem);
  const JsonFields spec = root.Object("spec");
  const ObjectMeta meta = MetaOf(root.Object("metadata"));
  model::ScaleTarget target;
  target.ref = ref;
  target.ref.name = meta.name;
  target.target_namespace = meta.object_namespace;
  target.uid = meta.uid;
  target.replicas = spec.Integer("replicas", 0, kMostReplicas).value_or(1);
  target.selector = SelectorOf(spec.Object("selector"));
  if (target.selector.requirements.empty()) spec.Refuse("selector", "empty");
  if (!problem.ok()) return Of(ref.kind, meta, problem);
  return target;
}

absl::StatusOr<model::ScaleTarget> ReadScale(const model::TargetRef& ref, const json& object) {
  absl::Status problem;
  const JsonFields root(object, problem);
  const JsonFields status = root.Object("status");
  const ObjectMeta meta = MetaOf(root.Object("metadata"));
  model::ScaleTarget target;
  target.ref = ref;
  target.target_namespace = meta.object_namespace;
  target.uid = meta.uid;
  // The API leaves out a count of 0.
  target.replicas = root.Object("spec").Integer("replicas", 0, kMostReplicas).value_or(0);
  const absl::StatusOr<model::LabelSelector> selector =
      model::ParseLabelSelector(status.Text("selector"));
  if (!selector.ok()) {
    status.Refuse("selector", std::string(selector.status().message()));
  } else if (selector->requirements.empty()) {
    status.Refuse("selector", "empty");
  } else {
    target.selector = *selector;
  }
  if (!problem.ok()) return Of("scale of " + ref.kind, meta, problem);
  return target;
}

absl::StatusOr<std::vector<std::pair<model::DraDevice, std::string>>> ReadResourceSlice(
    const json& object) {
  absl::Status problem;
  const JsonFields root(object, problem);
  const ObjectMeta meta = MetaOf(root.Object("metadata"));
  const JsonFields spec = root.Object("spec");
  const std::string driver = spec.NeededText("driver");
  const std::string pool = spec.Object("pool").NeededText("name");
  std::vector<std::pair<model::DraDevice, std::string>> devices;
  for (const JsonFields& device : spec.Objects("devices")) {
    const std::string name = device.NeededText("name");
    std::string uuid = UuidOf(device, driver);
    if (!uuid.empty()) devices.push_back({{driver, pool, name}, std::move(uuid)});
  }
  if (!problem.ok()) return Of("ResourceSlice", meta, problem);
  return devices;
}

bool IsDroppedKey(std::string_view key) {
  static constexpr std::array<std::string_view, 18> kKeys = {
      "affinity",
      "capacity",
      "consumesCounters",
      "containers",
      "ephemeralContainerStatuses",
      "ephemeralContainers",
      "hostIPs",
      "initContainerStatuses",
      "initContainers",
      "jobTargetRef",
      "managedFields",
      "ownerReferences",
      "podIPs",
      "template",
      "tolerations",
      "topologySpreadConstraints",
      "volumeClaimTemplates",
      "volumes",
  };
  return std::binary_search(kKeys.begin(), kKeys.end(), key);
}

}  // namespace kgs::kube
