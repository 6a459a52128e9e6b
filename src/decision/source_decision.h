// SPDX-License-Identifier: Apache-2.0
//
// Answers for a workload whose load is read as a whole from elsewhere than its pods: a gateway, a
// Service. With X the source's demand, v its level, R the replicas, n those of them that are Ready,
// T the target:
//
//                      AverageValue                 Value
//   demand             X                            X/ready, cut to a thousandth; T where none is
//   level, n >= R      v*R                          v
//   level, n < R       as decision/number.h has it of n replicas at v: what loads carries nothing
//   level, n = 0       T*R                          T
//   no fresh reading   T*R for holdSeconds          T for holdSeconds, then an error;
//   and n = 0          T*R for startupSeconds       T for startupSeconds, then an error
//
// The source of a workload whose replicas all load may be these themselves, behind their Service:
// that it does not answer says nothing yet. R = 0 is 0. Pure: the same inputs give the same answer.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "decision/decision.h"
#include "model/engine_reading.h"
#include "model/workload_view.h"
#include "trigger/trigger.h"

namespace kgs::decision {

struct SourceReading {
  model::EngineReading reading;
  /// An older one is no longer fresh, value or not.
  base::Duration max_age{};
};

struct SourceQuestion {
  /// Its engine is what the source is asked; set.
  const trigger::TriggerSpec& spec;
  /// Of the trigger, as Kubernetes has it.
  model::HpaMetricType metric_type;
  const model::WorkloadView& view;
  /// Nothing where it has not been asked yet.
  const std::optional<SourceReading>& source;
  /// Of the spec's engine_load, where it has one.
  const std::optional<SourceReading>& load;
  base::SteadyTime now;
};

/// What must be remembered of a source. A plain value; only this process' own observations.
struct SourceHistory {
  /// What the trigger asked for and of whom. Another question starts another history.
  trigger::TriggerSpec spec;
  std::string object_uid;
  /// Since when there has been no gap in watching; nothing before the first observation.
  std::optional<base::SteadyTime> watching_since;
  std::optional<base::SteadyTime> last_observed;
  /// When the newest reading was taken that said something.
  std::optional<base::SteadyTime> last_sighted;
  /// Since when nothing fresh has said something.
  std::optional<base::SteadyTime> blind_since;
  /// Since when it was seen idle, and known, without a break.
  std::optional<base::SteadyTime> idle_since;
  /// Since when replicas are wanted and none is Ready.
  std::optional<base::SteadyTime> none_ready_since;
};

/// Notes in \p history what will matter later; to be called as decision::Observe. The question's
/// metric type does not matter.
void ObserveSource(SourceHistory& history, const SourceQuestion& question);

/// Fails as Decide does. What \p question itself shows counts as observed. A source that sleeps has
/// no demand; its level holds. A time in which nothing happened counts as 0. Active means above the
/// threshold, or with requests that wait or run, now or within ActivityWindow, or not known to be
/// idle for so long; without replicas it is not, since nothing wakes a workload yet.
Decision DecideSource(const SourceQuestion& question, const SourceHistory& history);

/// Both at once, for less.
Decision ObserveAndDecideSource(const SourceQuestion& question, SourceHistory& history);

}  // namespace kgs::decision
