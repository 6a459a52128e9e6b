// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <vector>

#include "base/clock.h"
#include "decision/scope_decision.h"
#include "scaler/answers.h"
#include "scaler/asked_metrics.h"

namespace kgs::scaler {

/// Answers from the GPUs of nodes, whoever asks: without Kubernetes nobody knows of workloads.
class NodeAnswers final : public Answers {
 public:
  /// Every node that is known; of a process that reads its own GPUs that one, sampled or not. Must
  /// not block.
  using Nodes = std::function<std::vector<decision::NodeView>()>;

  /// \p gathers_nodes: nodes report to this process, which has not heard of all of them at once.
  NodeAnswers(Nodes nodes, bool gathers_nodes, const base::Clock& clock);

  absl::Status Check(const Question&) const override { return absl::OkStatus(); }
  absl::StatusOr<double> Value(const Question& question) const override;
  absl::StatusOr<bool> Active(const Question& question) const override;
  void Refresh() override {}

  /// The metrics of GPUs that were asked for within the last quarter of an hour.
  model::MetricSet Asked() const;

 private:
  void NoteAsked(const Question& question) const;
  decision::Decision Decide(const Question& question, trigger::Scope scope,
                            const std::vector<decision::NodeView>& nodes) const;

  const Nodes nodes_;
  const bool gathers_nodes_;
  const base::Clock& clock_;
  const base::SteadyTime started_;
  mutable AskedMetrics asked_;
};

}  // namespace kgs::scaler
