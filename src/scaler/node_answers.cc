// SPDX-License-Identifier: Apache-2.0
#include "scaler/node_answers.h"

#include <utility>

#include "decision/node_decision.h"

namespace kgs::scaler {
namespace {

/// The node that is meant where it is the only one: its own words need not name it.
const decision::NodeView* OnlyNode(const trigger::TriggerSpec& spec,
                                   const std::vector<decision::NodeView>& nodes) {
  if (nodes.size() != 1) return nullptr;
  return spec.node.empty() || spec.node == nodes[0].name ? &nodes[0] : nullptr;
}

}  // namespace

NodeAnswers::NodeAnswers(Nodes nodes, const base::Clock& clock)
    : nodes_(std::move(nodes)), clock_(clock) {}

absl::StatusOr<double> NodeAnswers::Value(const Question& question) const {
  const auto scope = decision::EffectiveScope(question.spec, false);
  if (!scope.ok()) return scope.status();
  const std::vector<decision::NodeView> nodes = nodes_();
  if (const decision::NodeView* node = OnlyNode(question.spec, nodes)) {
    return decision::NodeValue(question.spec, node->snapshot.get(), clock_.Now(),
                               node->max_reading_age);
  }
  return decision::DecideScope({question.spec, *scope, {}, nullptr, nodes, clock_.Now()}).value;
}

absl::StatusOr<bool> NodeAnswers::Active(const Question& question) const {
  const auto scope = decision::EffectiveScope(question.spec, false);
  if (!scope.ok()) return scope.status();
  const std::vector<decision::NodeView> nodes = nodes_();
  if (const decision::NodeView* node = OnlyNode(question.spec, nodes)) {
    return decision::NodeActivity(question.spec, node->snapshot.get(), clock_.Now(),
                                  node->max_reading_age);
  }
  return decision::DecideScope({question.spec, *scope, {}, nullptr, nodes, clock_.Now()}).active;
}

}  // namespace kgs::scaler
