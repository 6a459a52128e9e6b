// SPDX-License-Identifier: Apache-2.0
//
// KEDA's ScaledObject or ScaledJob, stripped to what an answer needs.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kgs::model {

enum class ObjectKind { kScaledObject, kScaledJob };

/// "ScaledObject", "ScaledJob".
const char* KindName(ObjectKind kind);

struct ObjectKey {
  ObjectKind kind = ObjectKind::kScaledObject;
  std::string object_namespace;
  std::string name;

  auto operator<=>(const ObjectKey&) const = default;
  /// "ScaledObject namespace/name".
  std::string Text() const {
    return std::string(KindName(kind)) + " " + object_namespace + "/" + name;
  }
};

/// How the HPA reads a trigger's number; kNone is a ScaledJob's, which has no HPA.
enum class HpaMetricType { kAverageValue, kValue, kNone };

/// One entry of spec.triggers that names us.
struct Trigger {
  /// Its place in spec.triggers: the i of the HPA's metric name s<i>-...
  int index = 0;
  std::string name;
  /// Type external-push rather than external.
  bool push = false;
  HpaMetricType metric_type = HpaMetricType::kAverageValue;
  /// As written; of a key that ends in FromEnv the value is the variable's name.
  std::map<std::string, std::string> metadata;

  bool operator==(const Trigger&) const = default;
};

struct ScalingModifiers {
  std::string formula;
  std::string target;
  HpaMetricType metric_type = HpaMetricType::kAverageValue;

  bool operator==(const ScalingModifiers&) const = default;
};

/// What is scaled. resource ("deployments") is empty where the API has not said it yet.
struct TargetRef {
  std::string group;
  std::string version;
  std::string kind;
  std::string resource;
  std::string name;

  auto operator<=>(const TargetRef&) const = default;
  /// "apps/v1 Deployment name".
  std::string Text() const {
    return (group.empty() ? "" : group + "/") + version + " " + kind + " " + name;
  }
};

struct ScaledObject {
  ObjectKey key;
  std::string uid;
  int64_t generation = 0;
  /// Of a ScaledObject.
  TargetRef target;
  /// Those that name us, by index; never empty in a store.
  std::vector<Trigger> triggers;
  std::optional<ScalingModifiers> modifiers;
  std::chrono::seconds polling_interval{30};
  int min_replicas = 0;
  int max_replicas = 100;
  std::optional<int> idle_replicas;
  /// Annotation autoscaling.keda.sh/paused or paused-replicas: KEDA does not ask.
  bool paused = false;

  bool operator==(const ScaledObject&) const = default;
};

}  // namespace kgs::model
