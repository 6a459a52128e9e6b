// SPDX-License-Identifier: Apache-2.0
//
// From a trigger, what is known of its workload and what was before, to the number KEDA gets, the
// activity, and all that they rest on. Pure: the same inputs give the same answer. An error is
// never a number: what cannot be known is held for a moment and then said.
// docs/decisions.md explains each branch with an example.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "decision/branch.h"
#include "decision/history.h"
#include "model/workload_view.h"
#include "trigger/trigger.h"

namespace kgs::decision {

struct Question {
  const trigger::TriggerSpec& spec;
  /// Of the trigger, as Kubernetes has it.
  model::HpaMetricType metric_type;
  const model::WorkloadView& view;
  base::SteadyTime now;
};

/// What a decision rests on, of one replica (of one node in scope node or cluster).
struct Input {
  /// "pod default/web-0", "group 3 of default/llama", "node gpu-1".
  std::string name;
  /// "measured", "loading", "overdue", "lost", "asleep".
  std::string_view standing;
  std::optional<double> value;
  /// Of its oldest reading.
  base::Duration age{};
  /// Why there is no value; empty where there is one.
  std::string why;
  /// What it was read from, or was to be: "gpus", "engine".
  std::string_view source = "gpus";
};

struct Decision {
  /// Finite and at least 0, in the metric's unit. UNAVAILABLE or INVALID_ARGUMENT, under 512 bytes
  /// and in words that do not change from poll to poll.
  absl::StatusOr<double> value = 0.0;
  /// Fails where value does, but that an always active profile is active blind; and alone where it
  /// is not known whether a workload without replicas is wanted.
  absl::StatusOr<bool> active = false;
  Branch branch = Branch::kNoReplicas;
  /// With its numbers; empty for an error.
  std::string formula;
  /// The value tells a target that came from the environment: for KEDA alone.
  bool value_hidden = false;
  /// Why it is active, or is not; empty for an error.
  std::string active_why;
  /// What the HPA makes of the number; kNone for a ScaledJob.
  model::HpaMetricType metric_type = model::HpaMetricType::kAverageValue;
  /// R; nothing where it is not known, and for a ScaledJob.
  std::optional<int> replicas;
  /// The replicas that are there and count, and how many of them stand where. Each is a pod, or a
  /// unit of several.
  int pods = 0;
  int measured = 0;
  int loading = 0;
  int overdue = 0;
  int lost = 0;
  /// Their engines sleep.
  int asleep = 0;
  /// Pods that the HPA counts as Ready.
  int ready = 0;
  /// Replicas whose memory is preallocated: they count as the target.
  int preallocated = 0;
  /// The share of the replicas that should have a fresh value which have one; nothing where the
  /// replicas were not looked at.
  std::optional<double> coverage;
  /// Of the readings that count.
  std::optional<base::Duration> oldest_reading_age;
  /// The first kMostInputs by name.
  std::vector<Input> inputs;
  std::vector<std::string> warnings;
};
inline constexpr size_t kMostInputs = 64;

/// Notes in \p history what will matter later. To be called about once a second for as long as the
/// trigger is there, whether or not anybody asks: longer gaps than kLongestGap make it forget how
/// long the pods have been idle. Another spec or object than before starts anew.
void Observe(History& history, const trigger::TriggerSpec& spec, const model::WorkloadView& view,
             base::SteadyTime now);

/// Answers for the pods of a workload. What \p question itself shows counts as observed.
Decision Decide(const Question& question, const History& history);

/// Both at once, for less.
Decision ObserveAndDecide(const Question& question, History& history);

}  // namespace kgs::decision
