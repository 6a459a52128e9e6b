// SPDX-License-Identifier: Apache-2.0
#include "decision/wake.h"

#include <absl/status/status.h>

#include <algorithm>

#include "base/strings.h"
#include "decision/problem_text.h"

namespace kgs::decision {
namespace {

using base::SteadyTime;
using engine::WakeState;

/// What is known of the demand.
struct Wanted {
  /// Nothing where it is not known.
  std::optional<bool> is;
  std::string why;
};

std::string SourceText(const trigger::Wake& wake) {
  return wake.hidden ? "its wakeEndpoint" : "its wakeEndpoint " + wake.endpoint.url.Shown();
}

Wanted WantedBy(const trigger::Wake& wake, const model::ScaledObject& object,
                const std::optional<WakeSight>& sight, SteadyTime now) {
  if (!sight) return {std::nullopt, "it has not been asked yet"};
  const bool fresh = now - sight->taken <= sight->max_age;
  if (fresh && sight->reading.state == WakeState::kDemand) {
    return {true, SourceText(wake) + " has demand"};
  }
  const base::Duration hold = wake.hold ? base::Duration(*wake.hold) : ActivityWindow(object);
  if (sight->last_demand && now - *sight->last_demand <= hold) {
    return {true, SourceText(wake) + " had demand within the last " +
                      base::FormatDuration(std::chrono::floor<std::chrono::seconds>(hold))};
  }
  if (!fresh) return {std::nullopt, "the last reading is stale"};
  if (sight->reading.state == WakeState::kNone) {
    return {false, SourceText(wake) + " has no demand"};
  }
  if (sight->reading.state == WakeState::kAbsent && wake.absent == trigger::WakeAbsent::kInactive) {
    return {false, SourceText(wake) + " shows no series of it"};
  }
  const std::string state(engine::WakeStateName(sight->reading.state));
  return {std::nullopt,
          wake.hidden || sight->reading.detail.empty() ? state : sight->reading.detail};
}

}  // namespace

bool IsAtZero(const model::WorkloadView& view) {
  if (view.target != nullptr) return view.target->replicas == 0;
  // A ScaledJob has no replicas, but it has pods while there are jobs that have not ended.
  return std::none_of(view.pods.begin(), view.pods.end(), [](const model::PodView& pod) {
    return !pod.pod->terminating && pod.pod->phase != model::PodPhase::kSucceeded &&
           pod.pod->phase != model::PodPhase::kFailed;
  });
}

void AddWake(const trigger::TriggerSpec& spec, const model::WorkloadView& view,
             const std::optional<WakeSight>& sight, SteadyTime now, Decision& decision) {
  // Nothing is said of a trigger that cannot be answered.
  if (!spec.wake || !decision.value.ok() || spec.always_active) return;
  if (decision.active.ok() && *decision.active) return;
  const Wanted wanted = WantedBy(*spec.wake, *view.object, sight, now);
  if (wanted.is.value_or(false)) {
    decision.active = true;
    decision.active_why = wanted.why;
    return;
  }
  // The pods have the say while there are any.
  if (!IsAtZero(view)) return;
  if (wanted.is) {
    decision.active_why = "it has no replicas, and " + wanted.why;
    return;
  }
  decision.active = absl::UnavailableError(Summary(view.object->key.Text() +
                                                       ": whether it is wanted is not known from " +
                                                       SourceText(*spec.wake),
                                                   {wanted.why}));
  decision.active_why.clear();
}

}  // namespace kgs::decision
