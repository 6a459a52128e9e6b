// SPDX-License-Identifier: Apache-2.0
#include "decision/sight.h"

#include <algorithm>
#include <utility>

namespace kgs::decision {
namespace {

using base::SteadyTime;

using PodHistories = std::vector<PodHistory*>;

Standing StandingOf(const UnitReading& reading, bool once_ready, base::Duration age,
                    base::Duration startup) {
  if (once_ready && reading.asleep) return Standing::kAsleep;
  if (once_ready) return reading.value ? Standing::kMeasured : Standing::kLost;
  return age > startup ? Standing::kOverdue : Standing::kLoading;
}

void NoteMemory(const UnitReading& reading, const PodHistories& pods, SteadyTime now) {
  if (!reading.memory_percent) return;
  const double percent = *reading.memory_percent;
  for (PodHistory* pod : pods) {
    if (!pod->ready_since || now - *pod->ready_since < kSettling) continue;
    pod->least_memory = std::min(pod->least_memory.value_or(percent), percent);
    pod->most_memory = std::max(pod->most_memory.value_or(percent), percent);
  }
}

/// Whether the replica is above the threshold, or why that cannot be told.
void JudgeLoad(const trigger::TriggerSpec& spec, Replica& replica) {
  const UnitReading& reading = replica.reading;
  if (replica.preallocated) {
    replica.unknown = !reading.gpu_utilization;
    replica.above = reading.gpu_utilization.value_or(0) > kBusyUtilization;
  } else if (reading.value) {
    const bool by_load = reading.of_engine && spec.engine_load;
    replica.above =
        *reading.value > spec.activation_threshold || (by_load && reading.load.value_or(0) > 0);
    replica.unknown = by_load && !reading.load;
  } else if (!reading.asleep) {
    // A pod that no node has taken in all the time that it may need to start carries nothing.
    replica.unknown =
        replica.standing != Standing::kOverdue ||
        std::any_of(replica.unit.pods.begin(), replica.unit.pods.end(),
                    [](const model::PodView* pod) { return !pod->pod->node.empty(); });
  }
  if (replica.standing == Standing::kLoading) replica.unknown = true;
}

/// A pod that was Ready and is not any more may be loading anew, its container replaced: that it
/// shows no load says nothing for as long as a start may take.
bool IsStartingAgain(const PodHistories& pods, base::Duration startup, SteadyTime now) {
  return std::any_of(pods.begin(), pods.end(), [&](const PodHistory* pod) {
    return pod->unready_since && now - *pod->unready_since <= startup;
  });
}

void NoteLoad(Replica& replica, const PodHistories& pods, SteadyTime now) {
  const bool idle = !replica.above && !replica.unknown;
  for (PodHistory* pod : pods) {
    if (replica.above) pod->last_above = now;
    if (replica.reading.value) pod->last_fresh = replica.reading.oldest;
    if (!idle) {
      pod->idle_since.reset();
    } else if (!pod->idle_since) {
      pod->idle_since = now;
    }
    // The unit is idle since the last of its pods is.
    replica.idle_since = replica.idle_since && pod->idle_since
                             ? std::max(*replica.idle_since, *pod->idle_since)
                             : pod->idle_since;
  }
}

/// A pod that has come while this process watched, is Ready, and has not been read for the first
/// time. One that was there before has been read by others: its silence is a loss.
bool IsUnread(const History& history, const PodHistories& pods, SteadyTime now) {
  return std::any_of(pods.begin(), pods.end(), [&](const PodHistory* pod) {
    return !pod->last_fresh && pod->first_seen > *history.watching_since && pod->ready_since &&
           now - *pod->ready_since <= kFirstReading;
  });
}

Replica LookAt(History& history, const trigger::TriggerSpec& spec, Unit unit, SteadyTime now) {
  Replica replica;
  replica.reading = ReadUnit(spec, unit, now);
  replica.ready = IsReady(unit);
  PodHistories pods;
  bool once_ready = true;
  bool plateau = true;
  // The unit is as young as the last of its pods: one that was replaced has to load.
  std::optional<SteadyTime> first_seen;
  for (const model::PodView* pod : unit.pods) {
    PodHistory& known = ObservePod(history, *pod->pod, now);
    pods.push_back(&known);
    once_ready &= known.once_ready;
    first_seen = std::max(first_seen.value_or(known.first_seen), known.first_seen);
  }
  replica.unit = std::move(unit);
  replica.standing =
      StandingOf(replica.reading, once_ready, now - first_seen.value_or(now), spec.startup);
  if (replica.standing == Standing::kLost && IsUnread(history, pods, now)) {
    replica.standing = Standing::kLoading;
    replica.unread = true;
  }
  NoteMemory(replica.reading, pods, now);
  for (const PodHistory* pod : pods) plateau &= OnPlateau(*pod);
  replica.preallocated = plateau && replica.reading.value.has_value() &&
                         !replica.reading.of_engine && trigger::IsHeldMemory(spec);
  JudgeLoad(spec, replica);
  if (IsStartingAgain(pods, spec.startup, now)) replica.unknown = true;
  NoteLoad(replica, pods, now);
  return replica;
}

void Count(const Replica& replica, Sight& sight) {
  switch (replica.standing) {
    case Standing::kMeasured:
      ++sight.measured;
      break;
    case Standing::kLoading:
      ++sight.loading;
      break;
    case Standing::kOverdue:
      ++sight.overdue;
      break;
    case Standing::kLost:
      ++sight.lost;
      break;
    case Standing::kAsleep:
      ++sight.asleep;
      break;
  }
}

void NoteWorkload(const Sight& sight, const model::WorkloadView& view,
                  const trigger::TriggerSpec& spec, SteadyTime now, History& history) {
  if (sight.blind(spec.min_coverage)) {
    if (!history.blind_since) history.blind_since = now;
  } else {
    history.blind_since.reset();
    for (const Replica& replica : sight.replicas) {
      if (replica.standing != Standing::kMeasured) continue;
      history.last_sighted =
          std::max(history.last_sighted.value_or(replica.reading.newest), replica.reading.newest);
    }
  }
  const bool is_short =
      view.target != nullptr && sight.replicas.size() < static_cast<size_t>(view.target->replicas);
  if (!is_short) {
    history.short_since.reset();
  } else if (!history.short_since) {
    history.short_since = now;
  }
}

}  // namespace

const char* StandingName(Standing standing) {
  switch (standing) {
    case Standing::kMeasured:
      return "measured";
    case Standing::kLoading:
      return "loading";
    case Standing::kOverdue:
      return "overdue";
    case Standing::kLost:
      return "lost";
    case Standing::kAsleep:
      return "asleep";
  }
  return "unknown";
}

Sight Look(History& history, const trigger::TriggerSpec& spec, const model::WorkloadView& view,
           SteadyTime now) {
  BeginObservation(history, spec, view, now);
  Sight sight;
  std::vector<Unit> units = UnitsOf(view, spec.replica_label);
  sight.replicas.reserve(units.size());
  for (Unit& unit : units) {
    sight.replicas.push_back(LookAt(history, spec, std::move(unit), now));
    Count(sight.replicas.back(), sight);
  }
  ForgetOthers(history, now);
  NoteWorkload(sight, view, spec, now, history);
  return sight;
}

}  // namespace kgs::decision
