// SPDX-License-Identifier: Apache-2.0
//
// Workloads made by hand, for tests of what is computed from them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/workload_view.h"

namespace kgs::testing {

/// A ScaledObject default/web that scales Deployment web.
inline std::shared_ptr<model::ScaledObject> MakeObject(
    model::ObjectKind kind = model::ObjectKind::kScaledObject) {
  auto object = std::make_shared<model::ScaledObject>();
  object->key = {kind, "default", "web"};
  object->target = {"apps", "v1", "Deployment", "deployments", "web"};
  return object;
}

inline model::WorkloadView MakeWorkload(int replicas) {
  model::WorkloadView view;
  view.object = MakeObject();
  auto target = std::make_shared<model::ScaleTarget>();
  target->ref = view.object->target;
  target->target_namespace = "default";
  target->replicas = replicas;
  view.target = std::move(target);
  return view;
}

/// A ready pod default/NAME on node-a with a GPU for each of \p values, read at \p taken.
inline model::PodView MakePod(const std::string& name, const std::vector<double>& values,
                              base::SteadyTime taken,
                              model::MetricId metric = model::MetricId::kGpuUtilization) {
  auto pod = std::make_shared<model::Pod>();
  pod->name = {"default", name};
  pod->uid = name + "-uid";
  pod->node = "node-a";
  pod->phase = model::PodPhase::kRunning;
  pod->ready = true;
  auto node = std::make_shared<model::NodeSnapshot>();
  for (const double value : values) {
    model::GpuSnapshot& gpu = node->gpus.emplace_back();
    gpu.identity.index = static_cast<int>(node->gpus.size()) - 1;
    gpu.identity.uuid = "GPU-" + name + "-" + std::to_string(gpu.identity.index);
    gpu.readings[metric] = model::Reading::Value(value, taken);
  }
  model::PodView view;
  view.pod = std::move(pod);
  for (size_t i = 0; i < values.size(); ++i) {
    view.gpus.push_back({node, i, 1, 1, std::chrono::seconds(3)});
  }
  return view;
}

/// The same pod, changed by \p change.
template <typename Change>
model::PodView ChangePod(model::PodView view, Change change) {
  auto pod = std::make_shared<model::Pod>(*view.pod);
  change(*pod);
  view.pod = std::move(pod);
  return view;
}

}  // namespace kgs::testing
