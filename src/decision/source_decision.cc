// SPDX-License-Identifier: Apache-2.0
#include "decision/source_decision.h"

#include <absl/status/status.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "decision/finish.h"
#include "decision/history.h"
#include "decision/metric_type.h"
#include "decision/number.h"
#include "decision/problem_text.h"
#include "decision/ready_pods.h"
#include "decision/sight.h"
#include "decision/units.h"

namespace kgs::decision {
namespace {

using base::SteadyTime;
using model::EngineGap;
using model::HpaMetricType;
using trigger::IsDemand;

/// What the source says at this moment.
struct Said {
  /// Finite and at least 0.
  std::optional<double> value;
  bool asleep = false;
  /// Why there is no value; empty where there is one.
  std::string why = {};
  SteadyTime taken = {};
  /// Requests that wait or run, where the value does not tell of all of them.
  std::optional<double> load = {};

  bool known() const { return value || asleep; }
};

/// The value of \p source while it is fresh.
std::optional<double> FreshValue(const std::optional<SourceReading>& source, SteadyTime now) {
  if (!source || now - source->reading.taken() > source->max_age) return std::nullopt;
  if (!source->reading.has_value()) return std::nullopt;
  // KEDA reads a negative number as 0.
  return std::max(0.0, source->reading.value());
}

Said WhatIsSaid(const SourceQuestion& question) {
  if (!question.source) return {.why = "its endpoint has not been asked yet"};
  const model::EngineReading& reading = question.source->reading;
  if (question.now - reading.taken() > question.source->max_age) {
    return {.why = "the last reading of its endpoint is stale"};
  }
  const auto load = FreshValue(question.load, question.now);
  if (reading.has_value()) {
    return {
        .value = FreshValue(question.source, question.now), .taken = reading.taken(), .load = load};
  }
  switch (reading.gap()) {
    case EngineGap::kSleeping:
      return {.asleep = true, .why = "its engines sleep", .taken = reading.taken()};
    case EngineGap::kNothingHappened:
      // Nothing waited in all of the window that the rates are taken over.
      return {.value = 0, .taken = reading.taken(), .load = load};
    default:
      return {.why = question.spec.engine_hidden || reading.detail().empty()
                         ? "its endpoint: " + std::string(model::EngineGapName(reading.gap()))
                         : reading.detail()};
  }
}

/// Whether the source shows load.
bool IsAbove(const trigger::TriggerSpec& spec, const Said& said) {
  if (said.value && *said.value > spec.activation_threshold) return true;
  return spec.engine_load && said.load.value_or(0) > 0;
}

/// Whether it is known to show none.
bool IsIdle(const trigger::TriggerSpec& spec, const Said& said) {
  if (said.asleep) return true;
  return said.value && !IsAbove(spec, said) && (!spec.engine_load || said.load);
}

void NoteReplicas(SourceHistory& history, const SourceQuestion& question) {
  const model::ScaleTarget* target = question.view.target.get();
  const bool none_ready =
      target != nullptr && target->replicas > 0 && ReadyPodsOfHpa(question.view) == 0;
  if (!none_ready) {
    history.none_ready_since.reset();
  } else if (!history.none_ready_since) {
    history.none_ready_since = question.now;
  }
}

void Note(SourceHistory& history, const SourceQuestion& question, const Said& said) {
  const SteadyTime now = question.now;
  const std::string& uid = question.view.object->uid;
  if (history.object_uid != uid || history.spec != question.spec) {
    history = SourceHistory{};
    history.spec = question.spec;
    history.object_uid = uid;
  }
  if (!history.last_observed || now - *history.last_observed > kLongestGap) {
    history.watching_since = now;
    history.idle_since.reset();
  }
  history.last_observed = now;
  if (said.known()) {
    history.blind_since.reset();
    history.last_sighted = std::max(history.last_sighted.value_or(said.taken), said.taken);
  } else if (!history.blind_since) {
    history.blind_since = now;
  }
  NoteReplicas(history, question);
  if (!IsIdle(question.spec, said)) {
    history.idle_since.reset();
  } else if (!history.idle_since) {
    history.idle_since = now;
  }
}

/// The replicas that are there, none measured.
Sight ReplicasOf(const SourceQuestion& question) {
  Sight sight;
  for (Unit& unit : UnitsOf(question.view, question.spec.replica_label)) {
    Replica& replica = sight.replicas.emplace_back();
    replica.ready = IsReady(unit);
    replica.unit = std::move(unit);
  }
  return sight;
}

/// The checks that need no reading.
absl::Status Check(const SourceQuestion& question, const Sight& sight, Decision& decision) {
  const model::WorkloadView& view = question.view;
  const std::string who = view.object->key.Text();
  decision.branch = Branch::kInvalid;
  const auto type = EffectiveMetricType(question.spec, question.metric_type, view.object.get());
  if (!type.ok()) return type.status();
  decision.metric_type = *type;
  if (*type == HpaMetricType::kValue && !IsDemand(question.spec) && view.problem.empty() &&
      HpaCountsSeveralOfAUnit(view, sight)) {
    return absl::InvalidArgumentError(
        who +
        ": with metricType Value the HPA multiplies by pods, and a replica is several of "
        "them (replicaLabel): use AverageValue");
  }
  decision.branch = Branch::kNoWorkload;
  std::string problem = view.problem;
  if (problem.empty() && view.target == nullptr && *type != HpaMetricType::kNone) {
    problem = "its scale target is not known";
  }
  if (!problem.empty()) {
    return absl::UnavailableError(
        base::Truncate(base::OneLine(who + ": " + problem), kLongestMessage));
  }
  if (view.target != nullptr) decision.replicas = view.target->replicas;
  decision.ready = ReadyPodsOfHpa(view);
  return absl::OkStatus();
}

Tally TallyOf(const SourceQuestion& question, const Sight& sight, const Decision& decision) {
  Tally tally;
  tally.type = decision.metric_type;
  tally.aggregation = trigger::PodAggregation::kMax;
  tally.target = question.spec.target;
  tally.target_hidden = question.spec.target_hidden;
  tally.replicas = decision.replicas.value_or(static_cast<int>(sight.replicas.size()));
  tally.ready = decision.ready;
  return tally;
}

Number LevelOf(const SourceQuestion& question, double value, const Sight& sight,
               const Decision& decision, Tally tally) {
  const auto ready = std::count_if(sight.replicas.begin(), sight.replicas.end(),
                                   [](const Replica& replica) { return replica.ready; });
  if (ready == 0) return HoldNumber(tally, Branch::kNoneReady);
  if (ready < tally.replicas) {
    tally.values.assign(static_cast<size_t>(ready), value);
    return LevelNumber(tally);
  }
  return WholeNumber({.type = tally.type,
                      .target = question.spec.target,
                      .target_hidden = question.spec.target_hidden,
                      .value = value,
                      .replicas = decision.replicas,
                      .ready = decision.ready});
}

absl::StatusOr<Number> NumberOf(const SourceQuestion& question, const Said& said,
                                const Sight& sight, const SourceHistory& history,
                                Decision& decision) {
  if (decision.replicas == 0) return Number{Branch::kNoReplicas, 0, "R = 0"};
  const trigger::TriggerSpec& spec = question.spec;
  const std::string who = question.view.object->key.Text();
  Tally tally = TallyOf(question, sight, decision);
  const bool counts = said.value || (said.asleep && IsDemand(spec));
  if (!counts && question.view.object->modifiers) {
    decision.branch = Branch::kFormulaIncomplete;
    return absl::UnavailableError(
        Summary(who + ": scalingModifiers need a reading of the endpoint", {said.why}));
  }
  if (!said.known()) {
    if (HoldsBlind(spec.hold, history, question.now)) return HoldNumber(tally, Branch::kBlindHeld);
    if (history.none_ready_since && question.now - *history.none_ready_since <= spec.startup) {
      return HoldNumber(tally, Branch::kAllLoading);
    }
    decision.branch = Branch::kBlind;
    return absl::UnavailableError(
        Summary(who + ": no fresh " + std::string(trigger::MetricNameOf(spec)) + " of its endpoint",
                {said.why}));
  }
  if (!counts) return HoldNumber(tally, Branch::kAllLoading);
  const double value = said.value.value_or(0);
  if (!IsDemand(spec)) return LevelOf(question, value, sight, decision, std::move(tally));
  tally.values = {value};
  return DemandNumber(tally);
}

std::string ThresholdText(const trigger::TriggerSpec& spec) {
  return spec.threshold_hidden ? "the threshold" : base::FormatNumber(spec.activation_threshold);
}

/// Of a source whose number is known.
void DecideActivity(const SourceQuestion& question, const Said& said, const SourceHistory& history,
                    Decision& decision) {
  const auto is = [&](bool active, std::string why) {
    decision.active = active;
    decision.active_why = std::move(why);
  };
  const base::Duration window = ActivityWindow(*question.view.object);
  const std::string text = base::FormatDuration(std::chrono::floor<std::chrono::seconds>(window));
  if (decision.replicas == 0) {
    return is(false, "it has no replicas, and its endpoint is not asked whether it should");
  }
  if (said.value && *said.value > question.spec.activation_threshold) {
    return is(true, "its endpoint at " + base::FormatNumber(*said.value) + " is above " +
                        ThresholdText(question.spec));
  }
  if (IsAbove(question.spec, said)) {
    return is(true,
              "its endpoint has requests that wait or run: " + base::FormatNumber(*said.load));
  }
  if (!IsIdle(question.spec, said)) return is(true, "its endpoint is not known to be idle");
  if (question.now - *history.idle_since < window) {
    return is(true, "its endpoint is known to be idle for less than " + text);
  }
  is(false, "its endpoint was idle for " + text);
}

void Describe(const SourceQuestion& question, const Said& said, Decision& decision) {
  const trigger::TriggerSpec& spec = question.spec;
  const bool shown = spec.endpoint && !spec.engine_hidden;
  Input input{shown ? "endpoint " + spec.endpoint->url.Shown() : "endpoint",
              StandingName(Standing::kLost),
              said.value,
              {},
              said.why,
              "endpoint"};
  decision.pods = 1;
  decision.coverage = said.known() ? 1 : 0;
  if (said.known()) {
    input.age = question.now - said.taken;
    decision.oldest_reading_age = input.age;
  }
  if (said.value) {
    input.standing = StandingName(Standing::kMeasured);
    decision.measured = 1;
  } else if (said.asleep) {
    input.standing = StandingName(Standing::kAsleep);
    decision.asleep = 1;
  } else {
    decision.lost = 1;
  }
  decision.inputs.push_back(std::move(input));
}

void Answer(const SourceQuestion& question, const SourceHistory& history, Decision& decision) {
  const Said said = WhatIsSaid(question);
  const Sight sight = ReplicasOf(question);
  if (absl::Status status = Check(question, sight, decision); !status.ok()) {
    return Fail(decision, decision.branch, std::move(status));
  }
  Describe(question, said, decision);
  const auto number = NumberOf(question, said, sight, history, decision);
  if (!number.ok()) return Fail(decision, decision.branch, number.status());
  if (!std::isfinite(number->value)) {
    return Fail(decision, Branch::kBlind,
                absl::UnavailableError("the endpoint's reading makes no finite number"));
  }
  decision.branch = number->branch;
  decision.value = number->value;
  decision.formula = number->formula;
  DecideActivity(question, said, history, decision);
}

}  // namespace

void ObserveSource(SourceHistory& history, const SourceQuestion& question) {
  Note(history, question, WhatIsSaid(question));
}

Decision ObserveAndDecideSource(const SourceQuestion& question, SourceHistory& history) {
  ObserveSource(history, question);
  Decision decision;
  Answer(question, history, decision);
  Finish(question.spec, decision);
  return decision;
}

Decision DecideSource(const SourceQuestion& question, const SourceHistory& history) {
  SourceHistory seen = history;
  return ObserveAndDecideSource(question, seen);
}

}  // namespace kgs::decision
