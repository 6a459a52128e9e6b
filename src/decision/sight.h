// SPDX-License-Identifier: Apache-2.0
//
// The replicas of a workload at one moment, seen in the light of what was before.
#pragma once

#include <vector>

#include "decision/history.h"
#include "decision/measure.h"
#include "decision/units.h"

namespace kgs::decision {

/// Where a replica stands.
enum class Standing {
  /// It has been Ready since it started and has a fresh value.
  kMeasured,
  /// It has never been Ready, and is younger than startupSeconds; or it is new, has just become
  /// Ready, and has not been read for the first time.
  kLoading,
  /// It has never been Ready, and is older than that.
  kOverdue,
  /// It has been Ready, and has no fresh value.
  kLost,
  /// It has been Ready, and its engine sleeps: it has no load, and is no capacity.
  kAsleep,
};
/// "measured", "loading", "overdue", "lost", "asleep".
const char* StandingName(Standing standing);

struct Replica {
  Unit unit;
  UnitReading reading;
  Standing standing = Standing::kLoading;
  /// Ready now.
  bool ready = false;
  /// It is loading, and carries load that is not known yet.
  bool unread = false;
  /// Its value is held memory that has not moved.
  bool preallocated = false;
  /// The value, or what stands in for it, is above the threshold now.
  bool above = false;
  /// Whether it is above cannot be told.
  bool unknown = false;
  /// Since when it was idle without a break.
  std::optional<base::SteadyTime> idle_since;
};

struct Sight {
  /// By name.
  std::vector<Replica> replicas;
  int measured = 0;
  int loading = 0;
  int overdue = 0;
  int lost = 0;
  int asleep = 0;

  /// Those that should have a fresh value.
  int expected() const { return measured + overdue + lost; }
  /// The share of them that has one; 1 where none should.
  double coverage() const {
    return expected() == 0 ? 1 : static_cast<double>(measured) / expected();
  }
  /// Too few are fresh to go by.
  bool blind(double min_coverage) const {
    return expected() > 0 && (measured == 0 || coverage() < min_coverage);
  }
};

/// Looks at \p view and notes in \p history what will matter later. \p view has no problem.
Sight Look(History& history, const trigger::TriggerSpec& spec, const model::WorkloadView& view,
           base::SteadyTime now);

}  // namespace kgs::decision
