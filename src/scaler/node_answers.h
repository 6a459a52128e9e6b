// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>

#include "base/clock.h"
#include "model/node_snapshot.h"
#include "scaler/answers.h"

namespace kgs::scaler {

/// A node's GPUs and how old a reading of them may be.
struct NodeReadings {
  /// Null before the first sample.
  std::shared_ptr<const model::NodeSnapshot> snapshot;
  base::Duration max_reading_age{};
};

/// Answers from the GPUs of one node, whoever asks: without Kubernetes nobody knows of workloads.
class NodeAnswers final : public Answers {
 public:
  /// The node's readings, or why it is not clear which node is meant. Must not block.
  using Latest = std::function<absl::StatusOr<NodeReadings>()>;

  NodeAnswers(Latest latest, const base::Clock& clock);

  absl::Status Check(const Question&) const override { return absl::OkStatus(); }
  absl::StatusOr<double> Value(const Question& question) const override;
  absl::StatusOr<bool> Active(const Question& question) const override;
  void Refresh() override {}

 private:
  const Latest latest_;
  const base::Clock& clock_;
};

}  // namespace kgs::scaler
