// SPDX-License-Identifier: Apache-2.0
//
// What must be remembered of a trigger from one moment to the next: an answer depends on more than
// the moment, since a pod that was Ready and is silent is not one that loads. A plain value,
// bounded by the pods of the workload; only this process' own observations are in it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "model/workload_view.h"
#include "trigger/trigger.h"

namespace kgs::decision {

struct PodHistory {
  /// When this process first saw it, or saw it started.
  base::SteadyTime first_seen;
  base::SteadyTime last_seen;
  /// It has been Ready at some time since it started.
  bool once_ready = false;
  /// Since when it has been seen not Ready, having been Ready before.
  std::optional<base::SteadyTime> unready_since;
  /// When it was seen to become Ready, the last time.
  std::optional<base::SteadyTime> ready_since;
  /// Condition Ready's lastTransitionTime then.
  std::optional<int64_t> ready_changed_unix_seconds;
  /// Since when it was seen idle, and known, without a break.
  std::optional<base::SteadyTime> idle_since;
  /// When it was last above the activation threshold, or, with its memory preallocated, busy.
  std::optional<base::SteadyTime> last_above;
  /// When its last fresh reading was taken.
  std::optional<base::SteadyTime> last_fresh;
  /// How full its memory was, in percent, at least and at most, since kSettling after ready_since.
  std::optional<double> least_memory;
  std::optional<double> most_memory;
};

struct History {
  /// What the trigger asked for and of whom. Another question starts another history.
  trigger::TriggerSpec spec;
  std::string object_uid;
  /// Since when there has been no gap in watching; nothing before the first observation.
  std::optional<base::SteadyTime> watching_since;
  std::optional<base::SteadyTime> last_observed;
  /// The newest reading while enough of them were fresh.
  std::optional<base::SteadyTime> last_sighted;
  /// Since when too few readings have been fresh; nothing while enough are.
  std::optional<base::SteadyTime> blind_since;
  /// Since when fewer replicas have been there than are wanted.
  std::optional<base::SteadyTime> short_since;
  /// By uid; of the pods that count.
  std::map<std::string, PodHistory> pods;
};

/// Observations that are further apart than this leave a gap: what was in it is not known.
inline constexpr base::Duration kLongestGap = std::chrono::seconds(10);
/// For so long after a pod became Ready its memory may still be filling.
inline constexpr base::Duration kSettling = std::chrono::seconds(60);
/// For so long after a new pod became Ready its first reading may be on its way: its devices are
/// listed and its engine is asked once it runs.
inline constexpr base::Duration kFirstReading = std::chrono::seconds(15);
/// A memory that has moved by no more than this, in points of a percent, carries no load.
inline constexpr double kPlateau = 2;
/// With its memory preallocated a pod is busy while its gpu_utilization, in percent, is above this.
inline constexpr double kBusyUtilization = 1;

/// Whether a number can be given while \p history has no sight: for \p hold after the last fresh
/// reading, or, where there was none just before (a pod has become Ready and is not read yet),
/// since it is missing. \p history has the three times of a History.
template <typename AnyHistory>
bool HoldsBlind(base::Duration hold, const AnyHistory& history, base::SteadyTime now) {
  base::SteadyTime since = *history.blind_since;
  if (history.last_sighted && since - *history.last_sighted < kLongestGap) {
    since = *history.last_sighted;
  }
  since = std::max(*history.watching_since, since);
  return hold > base::Duration::zero() && now - since <= hold;
}

/// How old a state of activity may be and still count: twice the polling interval, at least 30 s.
base::Duration ActivityWindow(const model::ScaledObject& object);

/// Whether the memory of \p pod has not been seen to move since it settled.
bool OnPlateau(const PodHistory& pod);

/// Begins anew where \p spec or the object is another than before, and notes a gap. What is known
/// of the pods' readiness and memory stays, since it does not depend on the question.
void BeginObservation(History& history, const trigger::TriggerSpec& spec,
                      const model::WorkloadView& view, base::SteadyTime now);

/// Notes what \p pod says of its readiness, and returns its entry.
PodHistory& ObservePod(History& history, const model::Pod& pod, base::SteadyTime now);

/// Forgets pods that \p now did not see.
void ForgetOthers(History& history, base::SteadyTime now);

}  // namespace kgs::decision
