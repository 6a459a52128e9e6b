// SPDX-License-Identifier: Apache-2.0
#include "decision/decision.h"

#include <absl/status/status.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/strings.h"
#include "decision/activity.h"
#include "decision/explain.h"
#include "decision/finish.h"
#include "decision/metric_type.h"
#include "decision/number.h"
#include "decision/problem_text.h"
#include "decision/ready_pods.h"
#include "decision/sight.h"

namespace kgs::decision {
namespace {

using base::SteadyTime;
using model::HpaMetricType;
using trigger::IsDemand;

absl::Status Unavailable(const std::string& text) {
  return absl::UnavailableError(base::Truncate(base::OneLine(text), kLongestMessage));
}

/// What the arithmetic is given of \p sight.
Tally TallyOf(const Question& question, const Sight& sight, const Decision& decision) {
  const trigger::TriggerSpec& spec = question.spec;
  Tally tally;
  tally.type = decision.metric_type;
  tally.aggregation = spec.pod_aggregation;
  tally.target = spec.target;
  tally.target_hidden = spec.target_hidden;
  tally.replicas = decision.replicas.value_or(sight.measured + sight.lost);
  tally.lost = sight.lost;
  tally.ready = decision.ready;
  // The HPA multiplies a level under Value by the Ready pods: only those may vouch for it.
  const bool ready_only = tally.type == HpaMetricType::kValue && !IsDemand(spec);
  for (const Replica& replica : sight.replicas) {
    // What sleeps has no load, and is nothing that a level could be the mean of.
    if (replica.standing == Standing::kAsleep && IsDemand(spec)) tally.values.push_back(0);
    tally.unread += replica.unread ? 1 : 0;
    if (replica.standing != Standing::kMeasured || (ready_only && !replica.ready)) continue;
    // In a formula a number that holds means nothing: there it stays what it is.
    const bool holds = replica.preallocated && !question.view.object->modifiers;
    tally.held |= holds && IsDemand(spec);
    tally.values.push_back(holds ? spec.target : *replica.reading.value);
  }
  return tally;
}

/// Why the pods that are there cannot be answered for, or OK.
absl::Status CheckPods(const Question& question, const Sight& sight, Decision& decision) {
  const std::string who = question.view.object->key.Text();
  for (const Replica& replica : sight.replicas) {
    if (replica.reading.no_such_gpu.empty()) continue;
    decision.branch = Branch::kNoSuchGpu;
    return Unavailable(who + ": " + replica.reading.no_such_gpu);
  }
  if (decision.metric_type == HpaMetricType::kValue && !IsDemand(question.spec) &&
      HpaCountsSeveralOfAUnit(question.view, sight)) {
    decision.branch = Branch::kInvalid;
    return absl::InvalidArgumentError(
        who +
        ": with metricType Value the HPA multiplies by pods, and a replica is several of "
        "them (replicaLabel): use AverageValue");
  }
  if (!question.view.object->modifiers) return absl::OkStatus();
  const std::vector<std::string> missing = MissingTexts(question, sight, decision);
  if (missing.empty()) return absl::OkStatus();
  decision.branch = Branch::kFormulaIncomplete;
  return absl::UnavailableError(
      Summary(who + ": scalingModifiers need a reading of every pod", missing));
}

absl::StatusOr<Number> NumberOf(const Question& question, const Sight& sight,
                                const History& history, Decision& decision) {
  const trigger::TriggerSpec& spec = question.spec;
  const Tally tally = TallyOf(question, sight, decision);
  // Of a ScaledJob the pods are all there is.
  if (tally.replicas == 0 && (decision.replicas || sight.replicas.empty())) {
    return Number{Branch::kNoReplicas, 0, "R = 0"};
  }
  if (absl::Status status = CheckPods(question, sight, decision); !status.ok()) return status;
  if (sight.blind(spec.min_coverage)) {
    if (HoldsBlind(spec.hold, history, question.now)) return HoldNumber(tally, Branch::kBlindHeld);
    decision.branch = Branch::kBlind;
    return absl::UnavailableError(Summary(BlindText(question, sight), LostTexts(sight)));
  }
  if (sight.measured == 0 && (sight.asleep == 0 || !IsDemand(spec))) {
    return HoldNumber(tally, Branch::kAllLoading);
  }
  if (IsDemand(spec)) return DemandNumber(tally);
  if (tally.values.empty()) return HoldNumber(tally, Branch::kNoneReady);
  return LevelNumber(tally);
}

void Describe(const Question& question, const Sight& sight, Decision& decision) {
  decision.pods = static_cast<int>(sight.replicas.size());
  decision.measured = sight.measured;
  decision.loading = sight.loading;
  decision.overdue = sight.overdue;
  decision.lost = sight.lost;
  decision.asleep = sight.asleep;
  decision.ready = ReadyPodsOfHpa(question.view);
  decision.coverage = sight.coverage();
  for (const Replica& replica : sight.replicas) {
    const UnitReading& reading = replica.reading;
    const base::Duration age =
        reading.value ? question.now - reading.oldest : base::Duration::zero();
    if (decision.inputs.size() < kMostInputs) {
      decision.inputs.push_back({replica.unit.name, StandingName(replica.standing), reading.value,
                                 age, reading.value ? "" : reading.why,
                                 reading.of_engine ? "engine" : "gpus"});
    }
    if (replica.standing != Standing::kMeasured) continue;
    decision.preallocated += replica.preallocated ? 1 : 0;
    decision.oldest_reading_age = std::max(decision.oldest_reading_age.value_or(age), age);
  }
  decision.warnings = Warnings(question, sight);
}

/// The checks that need no pod.
absl::Status CheckQuestion(const Question& question, Decision& decision) {
  const model::WorkloadView& view = question.view;
  const auto type = EffectiveMetricType(question.spec, question.metric_type, view.object.get());
  if (!type.ok()) {
    decision.branch = Branch::kInvalid;
    return type.status();
  }
  decision.metric_type = *type;
  decision.branch = Branch::kNoWorkload;
  const std::string who = view.object->key.Text();
  if (!view.problem.empty()) return Unavailable(who + ": " + view.problem);
  if (view.target == nullptr && *type != HpaMetricType::kNone) {
    return Unavailable(who + ": its scale target is not known");
  }
  if (view.target != nullptr) decision.replicas = view.target->replicas;
  return absl::OkStatus();
}

void DecideActivity(const Question& question, const Sight& sight, const History& history,
                    Decision& decision) {
  const auto activity = ActivityOf(question.spec, question.view, sight, history, question.now);
  decision.active = activity.active;
  decision.active_why = activity.why;
}

Decision DecideNumberAndActivity(const Question& question, History& history) {
  Decision decision;
  if (absl::Status status = CheckQuestion(question, decision); !status.ok()) {
    Fail(decision, decision.branch, std::move(status));
    return decision;
  }
  const Sight sight = Look(history, question.spec, question.view, question.now);
  Describe(question, sight, decision);
  const auto number = NumberOf(question, sight, history, decision);
  if (!number.ok()) {
    Fail(decision, decision.branch, number.status());
    return decision;
  }
  if (!std::isfinite(number->value)) {
    Fail(decision, Branch::kBlind, absl::UnavailableError("the readings make no finite number"));
    return decision;
  }
  decision.branch = number->branch;
  decision.value = number->value;
  decision.formula = number->formula;
  DecideActivity(question, sight, history, decision);
  return decision;
}

}  // namespace

void Observe(History& history, const trigger::TriggerSpec& spec, const model::WorkloadView& view,
             SteadyTime now) {
  if (view.problem.empty()) Look(history, spec, view, now);
}

Decision ObserveAndDecide(const Question& question, History& history) {
  Decision decision = DecideNumberAndActivity(question, history);
  Finish(question.spec, decision);
  return decision;
}

Decision Decide(const Question& question, const History& history) {
  History seen = history;
  return ObserveAndDecide(question, seen);
}

}  // namespace kgs::decision
