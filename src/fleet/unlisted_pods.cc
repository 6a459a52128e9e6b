// SPDX-License-Identifier: Apache-2.0
#include "fleet/unlisted_pods.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "fleet/view.h"

namespace kgs::fleet {
namespace {

using base::Duration;
using base::SteadyTime;

constexpr Duration kFirstWait = std::chrono::seconds(1);
/// The thread's pulse on /healthz.
constexpr Duration kLongestWait = std::chrono::seconds(1);
/// After 0, 1, 3, 7, 15, 31 and 63 s; from then on the agent's own turns have to do.
constexpr int kMostTries = 7;

bool MayHoldDevices(const model::Pod& pod) {
  return !pod.node.empty() && pod.started_unix_seconds && !pod.terminating &&
         pod.phase != model::PodPhase::kSucceeded && pod.phase != model::PodPhase::kFailed;
}

/// Whether a new listing may bring what is missing.
bool WantsListing(const model::PodView& view) {
  switch (view.unattributed) {
    case model::Unattributed::kNoListing:
    case model::Unattributed::kListedBeforeStart:
    case model::Unattributed::kNoDevice:
      return true;
    default:
      return false;
  }
}

}  // namespace

UnlistedPods::UnlistedPods(const Store& fleet, const kube::Store& kubernetes, ListPods list_pods,
                           const base::Clock& clock)
    : fleet_(fleet),
      kubernetes_(kubernetes),
      list_pods_(std::move(list_pods)),
      clock_(clock),
      thread_("unlisted-pods", std::chrono::seconds(10), [this] { return Turn(); }) {}

void UnlistedPods::OnPod(const kube::PodPtr& pod) {
  {
    base::MutexLock lock(mutex_);
    if (!MayHoldDevices(*pod)) {
      waiting_.erase(pod->name);
      return;
    }
    const auto [found, added] = waiting_.try_emplace(pod->name, Waiting{pod, clock_.Now(), 0});
    // Another pod of that name starts anew; a mere change of this one goes on where it was.
    if (!added && found->second.pod->uid != pod->uid) found->second = {pod, clock_.Now(), 0};
    found->second.pod = pod;
  }
  thread_.Wake();
}

Duration UnlistedPods::Turn() {
  const SteadyTime now = clock_.Now();
  std::vector<kube::PodPtr> due;
  {
    base::MutexLock lock(mutex_);
    for (const auto& [name, waiting] : waiting_) {
      if (waiting.due <= now) due.push_back(waiting.pod);
    }
  }
  std::vector<bool> listed;
  listed.reserve(due.size());
  for (const kube::PodPtr& pod : due) {
    const bool wants = WantsListing(ViewPod(pod, fleet_.Find(pod->node), kubernetes_, now));
    if (wants) list_pods_(pod->node);
    listed.push_back(!wants);
  }
  SteadyTime next = now + kLongestWait;
  base::MutexLock lock(mutex_);
  for (size_t i = 0; i < due.size(); ++i) {
    const auto found = waiting_.find(due[i]->name);
    if (found == waiting_.end() || found->second.pod->uid != due[i]->uid) continue;
    Waiting& waiting = found->second;
    if (listed[i] || ++waiting.tries >= kMostTries) {
      waiting_.erase(found);
      continue;
    }
    waiting.due = now + kFirstWait * (1 << (waiting.tries - 1));
  }
  for (const auto& [name, waiting] : waiting_) next = std::min(next, waiting.due);
  return std::max<Duration>(next - now, Duration::zero());
}

base::ThreadHealth UnlistedPods::Health() const {
  return thread_.Health(std::chrono::steady_clock::now());
}

}  // namespace kgs::fleet
