// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>

#include "kube/store.h"
#include "kube/watch.h"

namespace kgs::kube {

/// Keeps the pods of one namespace in the store.
class PodWatch {
 public:
  PodWatch(const WatchContext& context, Store& store, std::string pod_namespace);

  const Watch& watch() const { return watch_; }
  /// Why the pods cannot be relied on; else empty. One pod that cannot be read is reason enough: it
  /// may belong to any workload.
  std::string Problem() const;

 private:
  ReflectorEvents Events();
  void Read(const nlohmann::json& object);

  Store& store_;
  const std::string namespace_;
  const std::function<void()>& on_change_;
  ListedNames listed_;
  /// Why, by name.
  std::unordered_map<std::string, std::string> unreadable_;
  Watch watch_;
};

}  // namespace kgs::kube
