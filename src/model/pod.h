// SPDX-License-Identifier: Apache-2.0
//
// A pod as the API server describes it, stripped to what an answer needs.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace kgs::model {

/// Namespace and name: all that the kubelet's PodResources says of a pod. Names return (a
/// StatefulSet's pod keeps its own), so this does not tell one pod from its successor.
struct PodName {
  std::string pod_namespace;
  std::string name;

  auto operator<=>(const PodName&) const = default;
  /// "namespace/name".
  std::string Text() const { return pod_namespace + "/" + name; }
};

/// Sorted by key; each key once.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// The value of \p key, or nullptr.
const std::string* FindLabel(const Labels& labels, const std::string& key);

enum class PodPhase { kPending, kRunning, kSucceeded, kFailed, kUnknown };

struct Pod {
  PodName name;
  std::string uid;
  /// spec.nodeName; empty until it is scheduled.
  std::string node;
  Labels labels;
  PodPhase phase = PodPhase::kUnknown;
  /// metadata.deletionTimestamp is set.
  bool terminating = false;
  /// status.startTime in whole seconds since 1970, by the clock of its node; cut, not rounded.
  std::optional<int64_t> started_unix_seconds;
  /// Condition Ready.
  bool ready = false;
  /// Its lastTransitionTime, by the clock of its node.
  std::optional<int64_t> ready_changed_unix_seconds;
  /// status.podIP; empty until it has one.
  std::string ip;
  /// The newest state.running.startedAt of its containers, by the clock of its node: changes when
  /// any of them starts again.
  std::optional<int64_t> containers_started_unix_seconds;
  /// Annotation leaderworkerset.sigs.k8s.io/size: the pods of its group; 0 where there is none.
  int group_size = 0;

  // What only this process knows of it.

  /// When this process first saw this pod (this uid) with a startTime.
  std::optional<base::SteadyTime> seen_started;
  /// When this process saw that this pod had taken the name of an earlier one.
  std::optional<base::SteadyTime> seen_replacing;
};

}  // namespace kgs::model
