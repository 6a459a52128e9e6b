// SPDX-License-Identifier: Apache-2.0
//
// From the API server's JSON to our values. Pure. What is absent gets the default that the API
// documents; what has the wrong type is INVALID_ARGUMENT naming the path and the object.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/allocation.h"
#include "model/pod.h"
#include "model/scale_target.h"
#include "model/scaled_object.h"

namespace kgs::kube {

/// namespace and name of any object; uid beside it.
struct ObjectMeta {
  std::string object_namespace;
  std::string name;
  std::string uid;
};
absl::StatusOr<ObjectMeta> ReadMeta(const nlohmann::json& object);

absl::StatusOr<model::Pod> ReadPod(const nlohmann::json& object);

/// With the triggers for whose scalerAddress \p names_us is true; there may be none. A trigger
/// whose metricType KEDA refuses (Utilization) is left out: KEDA never asks for it, and the others
/// stay good. The target's resource is set where the kind is one of apps/v1, or where status says
/// it for the very kind that spec names now.
absl::StatusOr<model::ScaledObject> ReadScaledObject(
    model::ObjectKind kind, const nlohmann::json& object,
    const std::function<bool(const std::string& scaler_address)>& names_us);

/// "deployments" of an apps/v1 kind that has a selector and replicas of its own; else nothing.
std::optional<std::string> AppsResource(const model::TargetRef& ref);

/// A Deployment, StatefulSet or ReplicaSet. \p ref without name.
absl::StatusOr<model::ScaleTarget> ReadAppsTarget(const model::TargetRef& ref,
                                                  const nlohmann::json& object);

/// An autoscaling/v1 Scale as /scale answers. \p ref whole.
absl::StatusOr<model::ScaleTarget> ReadScale(const model::TargetRef& ref,
                                             const nlohmann::json& object);

/// A ResourceSlice of resource.k8s.io v1 or its betas: the devices that have an attribute uuid.
absl::StatusOr<std::vector<std::pair<model::DraDevice, std::string>>> ReadResourceSlice(
    const nlohmann::json& object);

/// The addresses of a Service, spelled as inet_ntop does: the cluster's, external ones and a load
/// balancer's. None of a headless one.
absl::StatusOr<std::vector<std::string>> ReadServiceAddresses(const nlohmann::json& object);

/// Keys that none of the above looks at and that make up most of an object's bytes. Keys that users
/// choose (of labels, annotations, a trigger's metadata) may be called so too: whoever leaves these
/// out has to tell the difference, as client/slim_json.h does.
bool IsDroppedKey(std::string_view key);

}  // namespace kgs::kube
