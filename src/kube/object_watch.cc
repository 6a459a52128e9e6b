// SPDX-License-Identifier: Apache-2.0
#include "kube/object_watch.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/log.h"
#include "kube/objects.h"

namespace kgs::kube {
namespace {

std::string NameOf(model::ObjectKind kind, const std::string& object_namespace) {
  const std::string kinds = std::string(model::KindName(kind)) + "s";
  return object_namespace.empty() ? kinds : kinds + " in " + object_namespace;
}

std::string PathOf(model::ObjectKind kind, const std::string& object_namespace) {
  const std::string group = "/apis/keda.sh/v1alpha1/";
  const char* resource = kind == model::ObjectKind::kScaledJob ? "scaledjobs" : "scaledobjects";
  return object_namespace.empty() ? group + resource
                                  : group + "namespaces/" + object_namespace + "/" + resource;
}

}  // namespace

ObjectWatch::ObjectWatch(const WatchContext& context, model::ObjectKind kind,
                         std::string object_namespace, ObjectEvents events)
    : kind_(kind),
      namespace_(std::move(object_namespace)),
      events_(std::move(events)),
      watch_(context, NameOf(kind, namespace_), PathOf(kind, namespace_), Events()) {}

ReflectorEvents ObjectWatch::Events() {
  ReflectorEvents events;
  events.on_object = [this](const nlohmann::json& object) { Read(object); };
  events.on_deleted = [this](const nlohmann::json& object) {
    const absl::StatusOr<ObjectMeta> meta = ReadMeta(object);
    if (!meta.ok()) return;
    const model::ObjectKey key{kind_, meta->object_namespace, meta->name};
    unreadable_.erase(key);
    Remove(key);
  };
  events.on_list_begin = [this] { listed_.Begin(); };
  events.on_list_end = [this] {
    const std::unordered_set<std::string> listed = listed_.End();
    std::vector<model::ObjectKey> gone;
    for (const model::ObjectKey& key : ours_) {
      if (listed.count(key.Text()) == 0) gone.push_back(key);
    }
    for (const model::ObjectKey& key : gone) Remove(key);
    for (auto one = unreadable_.begin(); one != unreadable_.end();) {
      one = listed.count(one->first.Text()) == 0 ? unreadable_.erase(one) : std::next(one);
    }
  };
  return events;
}

void ObjectWatch::Read(const nlohmann::json& object) {
  absl::StatusOr<model::ScaledObject> read = ReadScaledObject(kind_, object, events_.names_us);
  if (read.ok()) {
    const model::ObjectKey key = read->key;
    listed_.See(key.Text());
    unreadable_.erase(key);
    if (read->triggers.empty()) {
      Remove(key);
    } else {
      ours_.insert(key);
      events_.on_put(*std::move(read));
    }
    return;
  }
  const absl::StatusOr<ObjectMeta> meta = ReadMeta(object);
  if (!meta.ok()) return;
  // It may name us no more: what is not known is not answered.
  const model::ObjectKey key{kind_, meta->object_namespace, meta->name};
  listed_.See(key.Text());
  Remove(key);
  const std::string why(read.status().message());
  if (std::exchange(unreadable_[key], why) != why) {
    base::LogWarn("object cannot be read", {{"problem", why}});
  }
}

void ObjectWatch::Remove(const model::ObjectKey& key) {
  if (ours_.erase(key) > 0) events_.on_removed(key);
}

}  // namespace kgs::kube
