// SPDX-License-Identifier: Apache-2.0
#include "kube/apps_watch.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "kube/objects.h"

namespace kgs::kube {

AppsWatch::AppsWatch(const WatchContext& context, Store& store, std::string target_namespace,
                     model::TargetRef ref)
    : context_(context),
      store_(store),
      namespace_(std::move(target_namespace)),
      ref_(std::move(ref)),
      watch_(context, ref_.resource + " in " + namespace_,
             "/apis/" + ref_.group + "/" + ref_.version + "/namespaces/" + namespace_ + "/" +
                 ref_.resource,
             Events()) {
  problem_ = watch_.Problem();
}

void AppsWatch::SetScaled(std::set<std::string> names) {
  scaled_ = std::move(names);
  for (const std::string& name : scaled_) Report(name);
}

void AppsWatch::Tick() {
  std::string problem = watch_.Problem();
  if (problem == problem_) return;
  problem_ = std::move(problem);
  for (const std::string& name : scaled_) Report(name);
}

ReflectorEvents AppsWatch::Events() {
  ReflectorEvents events;
  events.on_object = [this](const nlohmann::json& object) { Read(object); };
  events.on_deleted = [this](const nlohmann::json& object) {
    const absl::StatusOr<ObjectMeta> meta = ReadMeta(object);
    if (!meta.ok()) return;
    targets_.erase(meta->name);
    unreadable_.erase(meta->name);
    Report(meta->name);
  };
  events.on_list_begin = [this] { listed_.Begin(); };
  events.on_list_end = [this] {
    const std::unordered_set<std::string> names = listed_.End();
    const auto retain = [&names](auto& all) {
      for (auto one = all.begin(); one != all.end();) {
        one = names.count(one->first) == 0 ? all.erase(one) : std::next(one);
      }
    };
    retain(targets_);
    retain(unreadable_);
    problem_ = watch_.Problem();
    for (const std::string& name : scaled_) Report(name);
  };
  return events;
}

void AppsWatch::Read(const nlohmann::json& object) {
  absl::StatusOr<model::ScaleTarget> target = ReadAppsTarget(ref_, object);
  std::string name;
  if (target.ok()) {
    name = target->ref.name;
    unreadable_.erase(name);
    targets_[name] = std::make_shared<const model::ScaleTarget>(*std::move(target));
  } else {
    const absl::StatusOr<ObjectMeta> meta = ReadMeta(object);
    if (!meta.ok()) return;
    name = meta->name;
    targets_.erase(name);
    unreadable_[name] = std::string(target.status().message());
  }
  listed_.See(name);
  Report(name);
}

void AppsWatch::Report(const std::string& name) {
  if (scaled_.count(name) == 0) return;
  model::TargetRef ref = ref_;
  ref.name = name;
  const auto target = targets_.find(name);
  const auto unreadable = unreadable_.find(name);
  if (!problem_.empty()) {
    store_.SetTargetProblem(namespace_, ref, problem_);
  } else if (target != targets_.end()) {
    store_.PutTarget(target->second);
  } else if (unreadable != unreadable_.end()) {
    store_.SetTargetProblem(namespace_, ref, unreadable->second);
  } else {
    store_.RemoveTarget(namespace_, ref);
  }
  context_.on_change();
}

}  // namespace kgs::kube
