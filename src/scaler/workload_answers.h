// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>

#include "base/clock.h"
#include "fleet/store.h"
#include "kube/store.h"
#include "model/workload_view.h"
#include "scaler/answers.h"
#include "scaler/trigger_match.h"
#include "scaler/trigger_watch.h"

namespace kgs::scaler {

/// Answers from all pods of the workload that the asking object scales, or from whole nodes where
/// the trigger says so. What an object asks must be one of its triggers as Kubernetes has it:
/// whoever reaches the port cannot make up a question.
class WorkloadAnswers final : public Answers {
 public:
  struct Sources {
    const kube::Store& kubernetes;
    const fleet::Store& fleet;
    TriggerWatch& triggers;
    /// Why objects of that kind and namespace are not known at the moment; else empty.
    std::function<std::string(model::ObjectKind, const std::string&)> kubernetes_problem;
    /// Has Kubernetes list the objects again.
    std::function<void()> refresh;
    /// An error where Kubernetes has that object and it is one too many. Null: there is no limit.
    std::function<absl::Status(const model::ObjectKey&)> check_tracked = nullptr;
  };

  WorkloadAnswers(Sources sources, const base::Clock& clock);

  absl::Status Check(const Question& question) const override;
  absl::StatusOr<double> Value(const Question& question) const override;
  absl::StatusOr<bool> Active(const Question& question) const override;
  absl::StatusOr<bool> ActiveForStream(const Question& question) const override;
  void Refresh() override { sources_.refresh(); }

 private:
  absl::StatusOr<TriggerMatch> Match(const Question& question) const;
  absl::StatusOr<decision::Decision> Decide(const Question& question,
                                            TriggerWatch::For asked_for) const;

  const Sources sources_;
  const base::Clock& clock_;
};

}  // namespace kgs::scaler
