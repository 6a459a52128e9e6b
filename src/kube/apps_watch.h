// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "kube/store.h"
#include "kube/watch.h"

namespace kgs::kube {

/// Keeps the targets of one apps kind and namespace in the store. Remembers those that nobody
/// scales, since an object may name one of them at any time.
class AppsWatch {
 public:
  /// \p ref without name.
  AppsWatch(const WatchContext& context, Store& store, std::string target_namespace,
            model::TargetRef ref);

  const Watch& watch() const { return watch_; }
  /// The names that are scaled. Tells the store of each of them, since it forgets what is not.
  void SetScaled(std::set<std::string> names);
  /// To be called each second or so: time may have made the watch a problem.
  void Tick();

 private:
  ReflectorEvents Events();
  void Read(const nlohmann::json& object);
  void Report(const std::string& name);

  const WatchContext& context_;
  Store& store_;
  const std::string namespace_;
  const model::TargetRef ref_;
  ListedNames listed_;
  std::map<std::string, std::shared_ptr<const model::ScaleTarget>> targets_;
  /// Why, by name.
  std::map<std::string, std::string> unreadable_;
  std::set<std::string> scaled_;
  /// Of the watch, as last reported.
  std::string problem_;
  Watch watch_;
};

}  // namespace kgs::kube
