// SPDX-License-Identifier: Apache-2.0
#include "scaler/workload_answers.h"

#include <utility>

#include "fleet/view.h"

namespace kgs::scaler {

using model::ObjectKey;
using model::ObjectKind;

WorkloadAnswers::WorkloadAnswers(Sources sources, const base::Clock& clock)
    : sources_(std::move(sources)), clock_(clock) {}

absl::StatusOr<TriggerMatch> WorkloadAnswers::Match(const Question& question) const {
  const std::string& object_namespace = question.object.namespace_();
  const std::string& name = question.object.name();
  auto match = MatchTrigger(
      question.object,
      {sources_.kubernetes.FindObject({ObjectKind::kScaledObject, object_namespace, name}),
       sources_.kubernetes.FindObject({ObjectKind::kScaledJob, object_namespace, name})});
  if (match.ok()) return match;
  // Of a kind that is not known nothing can be denied.
  for (const ObjectKind kind : {ObjectKind::kScaledObject, ObjectKind::kScaledJob}) {
    if (sources_.check_tracked && absl::IsNotFound(match.status())) {
      absl::Status tracked = sources_.check_tracked({kind, object_namespace, name});
      if (!tracked.ok()) return tracked;
    }
    const std::string problem = sources_.kubernetes_problem(kind, object_namespace);
    if (!problem.empty()) return absl::UnavailableError(problem);
  }
  return match;
}

absl::StatusOr<decision::Decision> WorkloadAnswers::Decide(const Question& question,
                                                           TriggerWatch::For asked_for) const {
  const auto match = Match(question);
  if (!match.ok()) return match.status();
  const auto workload = sources_.kubernetes.Find(match->key);
  if (!workload) return absl::NotFoundError(match->key.Text() + " has just been deleted");
  const base::SteadyTime now = clock_.Now();
  return sources_.triggers.Answer(
      *match, question.spec, question.place,
      fleet::ViewWorkload(*workload, sources_.fleet, sources_.kubernetes, now), asked_for, now);
}

absl::Status WorkloadAnswers::Check(const Question& question) const {
  return Match(question).status();
}

absl::StatusOr<double> WorkloadAnswers::Value(const Question& question) const {
  const auto decision = Decide(question, TriggerWatch::For::kCall);
  return decision.ok() ? decision->value : decision.status();
}

absl::StatusOr<bool> WorkloadAnswers::Active(const Question& question) const {
  const auto decision = Decide(question, TriggerWatch::For::kCall);
  return decision.ok() ? decision->active : decision.status();
}

absl::StatusOr<bool> WorkloadAnswers::ActiveForStream(const Question& question) const {
  const auto decision = Decide(question, TriggerWatch::For::kStream);
  return decision.ok() ? decision->active : decision.status();
}

}  // namespace kgs::scaler
