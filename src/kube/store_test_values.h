// SPDX-License-Identifier: Apache-2.0
//
// Short ways to make what the tests of this folder put into a store.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "model/pod.h"
#include "model/scale_target.h"
#include "model/scaled_object.h"

namespace kgs::kube::testing {

inline model::TargetRef Deployment(const std::string& name) {
  return {"apps", "v1", "Deployment", "deployments", name};
}

/// A ScaledObject of one trigger, in "team".
inline model::ScaledObject ObjectOf(const std::string& name, model::TargetRef target) {
  model::ScaledObject object;
  object.key = {model::ObjectKind::kScaledObject, "team", name};
  object.uid = "uid-of-" + name;
  object.target = std::move(target);
  object.triggers.resize(1);
  return object;
}

inline model::ScaledObject JobOf(const std::string& name) {
  model::ScaledObject object = ObjectOf(name, {});
  object.key.kind = model::ObjectKind::kScaledJob;
  object.triggers[0].metric_type = model::HpaMetricType::kNone;
  return object;
}

inline std::shared_ptr<const model::ScaledObject> Share(model::ScaledObject object) {
  return std::make_shared<const model::ScaledObject>(std::move(object));
}

/// In "team"; \p selector as ParseLabelSelector reads it.
inline std::shared_ptr<const model::ScaleTarget> TargetOf(model::TargetRef ref,
                                                          const std::string& selector,
                                                          int replicas = 1) {
  model::ScaleTarget target;
  target.ref = std::move(ref);
  target.target_namespace = "team";
  target.replicas = replicas;
  target.selector = model::ParseLabelSelector(selector).value();
  return std::make_shared<const model::ScaleTarget>(std::move(target));
}

/// In "team"; started.
inline model::Pod PodOf(const std::string& name, model::Labels labels,
                        const std::string& uid = "1") {
  model::Pod pod;
  pod.name = {"team", name};
  pod.uid = uid;
  pod.labels = std::move(labels);
  pod.phase = model::PodPhase::kRunning;
  pod.started_unix_seconds = 1767225600;
  return pod;
}

}  // namespace kgs::kube::testing
