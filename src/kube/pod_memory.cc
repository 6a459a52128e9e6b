// SPDX-License-Identifier: Apache-2.0
#include "kube/pod_memory.h"

#include <utility>

namespace kgs::kube {

void RemovedPods::Add(const model::PodName& name, PodMemory memory, base::SteadyTime now) {
  Forget(now);
  removed_.insert_or_assign(name, Removed{std::move(memory), now});
  queue_.emplace_back(now, name);
}

std::optional<PodMemory> RemovedPods::Take(const model::PodName& name, base::SteadyTime now) {
  Forget(now);
  const auto found = removed_.find(name);
  if (found == removed_.end()) return std::nullopt;
  PodMemory memory = std::move(found->second.memory);
  removed_.erase(found);
  return memory;
}

void RemovedPods::Forget(base::SteadyTime now) {
  while (!queue_.empty() && now - queue_.front().first > kMemory) {
    const auto found = removed_.find(queue_.front().second);
    // It may have been taken, and removed again later.
    if (found != removed_.end() && found->second.at == queue_.front().first) removed_.erase(found);
    queue_.pop_front();
  }
}

}  // namespace kgs::kube
