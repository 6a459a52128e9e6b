// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kube/apps_watch.h"
#include "kube/pod_watch.h"
#include "kube/scale_poll.h"
#include "kube/store.h"
#include "kube/watch.h"

namespace kgs::kube {

/// Keeps the store up to date with what the objects of one namespace need: its pods, and their
/// targets. There is one while there are such objects.
class NamespaceSync {
 public:
  /// From here on the namespace has a problem, until its pods are listed.
  NamespaceSync(const WatchContext& context, Store& store, std::string name);

  /// \p target of a ScaledObject; empty of a ScaledJob.
  void Put(const model::ObjectKey& key, const model::TargetRef& target);
  void Remove(const model::ObjectKey& key);
  bool empty() const { return objects_.empty(); }

  /// Brings watches and polls in line with the objects.
  void Settle();
  /// To be called each second or so and after changes. \p outer: why nothing of the cluster can be
  /// relied on; else empty. Returns whether the namespace's problem changed.
  bool Tick(const std::string& outer);
  /// Removes from the store what is only there for this.
  void Drop();

  /// Whether all that the objects need has been asked for once.
  bool Tried() const;
  void AppendStates(std::vector<ReflectorState>& states) const;
  const std::map<model::TargetRef, std::unique_ptr<ScalePoll>>& polls() const { return polls_; }

 private:
  const WatchContext& context_;
  Store& store_;
  const std::string name_;
  std::string problem_;
  bool settled_ = false;
  std::map<model::ObjectKey, model::TargetRef> objects_;
  PodWatch pods_;
  /// By target without its name.
  std::map<model::TargetRef, std::unique_ptr<AppsWatch>> apps_;
  std::map<model::TargetRef, std::unique_ptr<ScalePoll>> polls_;
};

}  // namespace kgs::kube
