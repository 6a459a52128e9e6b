// SPDX-License-Identifier: Apache-2.0
#include "scaler/node_answers.h"

#include <utility>

#include "decision/node_decision.h"

namespace kgs::scaler {

NodeAnswers::NodeAnswers(Latest latest, const base::Clock& clock)
    : latest_(std::move(latest)), clock_(clock) {}

absl::StatusOr<double> NodeAnswers::Value(const Question& question) const {
  const auto node = latest_();
  if (!node.ok()) return node.status();
  return decision::NodeValue(question.spec, node->snapshot.get(), clock_.Now(),
                             node->max_reading_age);
}

absl::StatusOr<bool> NodeAnswers::Active(const Question& question) const {
  const auto node = latest_();
  if (!node.ok()) return node.status();
  return decision::NodeActivity(question.spec, node->snapshot.get(), clock_.Now(),
                                node->max_reading_age);
}

}  // namespace kgs::scaler
