// SPDX-License-Identifier: Apache-2.0
//
// Remembers removed pods for a while: a StatefulSet's pod is deleted before its successor takes the
// name. Not thread-safe.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "model/pod.h"

namespace kgs::kube {

/// What this process has seen of one pod.
struct PodMemory {
  std::string uid;
  std::optional<base::SteadyTime> seen_started;
  std::optional<base::SteadyTime> seen_replacing;
};

class RemovedPods {
 public:
  /// As long as an agent may remember a kubelet's listing that names the removed pod.
  static constexpr base::Duration kMemory = std::chrono::minutes(10);

  void Add(const model::PodName& name, PodMemory memory, base::SteadyTime now);
  /// What is remembered under \p name, which is then forgotten.
  std::optional<PodMemory> Take(const model::PodName& name, base::SteadyTime now);
  bool Has(const model::PodName& name) const { return removed_.count(name) > 0; }

 private:
  struct Removed {
    PodMemory memory;
    base::SteadyTime at;
  };
  void Forget(base::SteadyTime now);

  std::map<model::PodName, Removed> removed_;
  /// When to look whether a name can be forgotten; the oldest first.
  std::deque<std::pair<base::SteadyTime, model::PodName>> queue_;
};

}  // namespace kgs::kube
