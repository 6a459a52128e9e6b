// SPDX-License-Identifier: Apache-2.0
#include "kube/pod_watch.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "kube/objects.h"

namespace kgs::kube {

PodWatch::PodWatch(const WatchContext& context, Store& store, std::string pod_namespace)
    : store_(store),
      namespace_(std::move(pod_namespace)),
      on_change_(context.on_change),
      watch_(context, "pods in " + namespace_, "/api/v1/namespaces/" + namespace_ + "/pods",
             Events()) {}

std::string PodWatch::Problem() const {
  std::string problem = watch_.Problem();
  if (!problem.empty() || unreadable_.empty()) return problem;
  return unreadable_.begin()->second;
}

ReflectorEvents PodWatch::Events() {
  ReflectorEvents events;
  events.on_object = [this](const nlohmann::json& object) { Read(object); };
  events.on_deleted = [this](const nlohmann::json& object) {
    const absl::StatusOr<ObjectMeta> meta = ReadMeta(object);
    if (!meta.ok()) return;
    store_.RemovePod({namespace_, meta->name}, meta->uid);
    if (unreadable_.erase(meta->name) > 0) on_change_();
  };
  events.on_list_begin = [this] { listed_.Begin(); };
  events.on_list_end = [this] {
    const std::unordered_set<std::string> names = listed_.End();
    store_.RetainPods(namespace_, names);
    for (auto one = unreadable_.begin(); one != unreadable_.end();) {
      one = names.count(one->first) == 0 ? unreadable_.erase(one) : std::next(one);
    }
    on_change_();
  };
  return events;
}

void PodWatch::Read(const nlohmann::json& object) {
  absl::StatusOr<model::Pod> pod = ReadPod(object);
  if (pod.ok()) {
    listed_.See(pod->name.name);
    if (unreadable_.erase(pod->name.name) > 0) on_change_();
    store_.PutPod(*std::move(pod));
    return;
  }
  const absl::StatusOr<ObjectMeta> meta = ReadMeta(object);
  const std::string name = meta.ok() ? meta->name : "";
  listed_.See(name);
  unreadable_[name] = std::string(pod.status().message());
  on_change_();
}

}  // namespace kgs::kube
