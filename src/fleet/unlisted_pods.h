// SPDX-License-Identifier: Apache-2.0
//
// Pods that have started but that their node's agent does not list yet: the agent is asked to look
// again at once, so that a new pod's readings are not missing until the kubelet's next turn.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "fleet/store.h"
#include "kube/store.h"

namespace kgs::fleet {

/// All members: any thread.
class UnlistedPods {
 public:
  /// Has the agent of a node list its pods. False where that cannot be now.
  using ListPods = std::function<bool(const std::string& node)>;

  UnlistedPods(const Store& fleet, const kube::Store& kubernetes, ListPods list_pods,
               const base::Clock& clock);

  void Start() { thread_.Start(); }
  void Stop() { thread_.Stop(); }

  /// A pod of a tracked workload is new or has changed.
  void OnPod(const kube::PodPtr& pod);

  /// Asks for those that are due; returns the wait until the next is. A pod that holds no GPU is
  /// never listed, so each is asked for only a few times, at growing intervals.
  base::Duration Turn();
  base::ThreadHealth Health() const;

 private:
  struct Waiting {
    kube::PodPtr pod;
    base::SteadyTime due;
    int tries = 0;
  };

  const Store& fleet_;
  const kube::Store& kubernetes_;
  const ListPods list_pods_;
  const base::Clock& clock_;
  base::Mutex mutex_;
  /// By name.
  std::map<model::PodName, Waiting> waiting_ KGS_GUARDED_BY(mutex_);
  base::LoopThread thread_;
};

}  // namespace kgs::fleet
