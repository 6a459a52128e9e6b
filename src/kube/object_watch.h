// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "kube/watch.h"
#include "model/scaled_object.h"

namespace kgs::kube {

struct ObjectEvents {
  std::function<bool(const std::string& scaler_address)> names_us;
  /// An object that names us, new or changed.
  std::function<void(model::ScaledObject)> on_put;
  /// One that did, and is gone or does so no more.
  std::function<void(const model::ObjectKey&)> on_removed;
};

/// Follows the ScaledObjects or the ScaledJobs of one namespace, or of all.
class ObjectWatch {
 public:
  /// \p object_namespace: empty for all.
  ObjectWatch(const WatchContext& context, model::ObjectKind kind, std::string object_namespace,
              ObjectEvents events);

  Watch& watch() { return watch_; }
  const Watch& watch() const { return watch_; }
  model::ObjectKind kind() const { return kind_; }
  /// Empty for all namespaces.
  const std::string& watched_namespace() const { return namespace_; }
  bool Covers(const std::string& object_namespace) const {
    return namespace_.empty() || namespace_ == object_namespace;
  }

 private:
  ReflectorEvents Events();
  void Read(const nlohmann::json& object);
  void Remove(const model::ObjectKey& key);

  const model::ObjectKind kind_;
  const std::string namespace_;
  const ObjectEvents events_;
  ListedNames listed_;
  /// Those that name us.
  std::set<model::ObjectKey> ours_;
  /// What was logged of objects that cannot be read.
  std::map<model::ObjectKey, std::string> unreadable_;
  Watch watch_;
};

}  // namespace kgs::kube
