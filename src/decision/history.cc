// SPDX-License-Identifier: Apache-2.0
#include "decision/history.h"

#include <algorithm>

namespace kgs::decision {
namespace {

using base::SteadyTime;
using model::Pod;

/// The kubelet writes the condition Ready when it starts a pod: a change of it that is clearly
/// later can only be that of a pod that was Ready.
constexpr int64_t kClearlyLaterSeconds = 5;

bool WasReadyBefore(const Pod& pod) {
  return !pod.ready && pod.started_unix_seconds && pod.ready_changed_unix_seconds &&
         *pod.ready_changed_unix_seconds - *pod.started_unix_seconds > kClearlyLaterSeconds;
}

/// A new life of \p pod: what its memory did before says nothing of it.
void BecomeReady(PodHistory& history, const Pod& pod, SteadyTime now) {
  history.once_ready = true;
  history.ready_since = now;
  history.ready_changed_unix_seconds = pod.ready_changed_unix_seconds;
  history.least_memory.reset();
  history.most_memory.reset();
}

void Restart(History& history, const trigger::TriggerSpec& spec, const std::string& object_uid) {
  const bool same_object = history.object_uid == object_uid;
  const trigger::TriggerSpec& before = history.spec;
  const bool same_reading =
      before.metric == spec.metric && before.aggregation == spec.aggregation &&
      before.gpu_index == spec.gpu_index && before.replica_label == spec.replica_label;
  std::map<std::string, PodHistory> pods = std::move(history.pods);
  history = History{};
  history.spec = spec;
  history.object_uid = object_uid;
  if (!same_object) return;
  for (auto& [uid, pod] : pods) {
    PodHistory& kept = history.pods[uid];
    kept.first_seen = pod.first_seen;
    kept.last_seen = pod.last_seen;
    kept.once_ready = pod.once_ready;
    kept.ready_since = pod.ready_since;
    kept.ready_changed_unix_seconds = pod.ready_changed_unix_seconds;
    kept.unready_since = pod.unready_since;
    if (!same_reading) continue;
    kept.least_memory = pod.least_memory;
    kept.most_memory = pod.most_memory;
  }
}

}  // namespace

base::Duration ActivityWindow(const model::ScaledObject& object) {
  return std::max<base::Duration>(2 * object.polling_interval, std::chrono::seconds(30));
}

bool OnPlateau(const PodHistory& pod) {
  return !pod.least_memory || *pod.most_memory - *pod.least_memory <= kPlateau;
}

void BeginObservation(History& history, const trigger::TriggerSpec& spec,
                      const model::WorkloadView& view, SteadyTime now) {
  const std::string& uid = view.object->uid;
  if (!history.last_observed || history.object_uid != uid || history.spec != spec) {
    Restart(history, spec, uid);
  }
  if (!history.last_observed || now - *history.last_observed > kLongestGap) {
    history.watching_since = now;
    for (auto& [pod_uid, pod] : history.pods) pod.idle_since.reset();
  }
  history.last_observed = now;
}

PodHistory& ObservePod(History& history, const Pod& pod, SteadyTime now) {
  const auto [entry, is_new] = history.pods.try_emplace(pod.uid);
  PodHistory& known = entry->second;
  if (is_new) known.first_seen = std::min(now, pod.seen_started.value_or(now));
  known.last_seen = now;
  if (!pod.ready) {
    known.once_ready |= WasReadyBefore(pod);
    if (known.once_ready && !known.unready_since) known.unready_since = now;
    // It must become Ready again.
    known.ready_since.reset();
    return known;
  }
  known.unready_since.reset();
  if (!known.ready_since || known.ready_changed_unix_seconds != pod.ready_changed_unix_seconds) {
    BecomeReady(known, pod, now);
  }
  return known;
}

void ForgetOthers(History& history, SteadyTime now) {
  std::erase_if(history.pods, [&](const auto& entry) { return entry.second.last_seen != now; });
}

}  // namespace kgs::decision
