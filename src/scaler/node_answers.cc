// SPDX-License-Identifier: Apache-2.0
#include "scaler/node_answers.h"

#include <utility>

#include "decision/node_decision.h"

namespace kgs::scaler {
namespace {

/// KEDA asks at least every pollingInterval, which is 30 s unless the user says otherwise. For a
/// workload at zero that is all: forgotten in between, what blocks would never be read in time.
constexpr base::Duration kAskedOfLate = std::chrono::minutes(15);

/// The node that is meant where it is the only one that there will ever be: its own words need not
/// name it.
const decision::NodeView* OnlyNode(const trigger::TriggerSpec& spec, bool gathers_nodes,
                                   const std::vector<decision::NodeView>& nodes) {
  if (gathers_nodes || nodes.size() != 1) return nullptr;
  return spec.node.empty() || spec.node == nodes[0].name ? &nodes[0] : nullptr;
}

}  // namespace

NodeAnswers::NodeAnswers(Nodes nodes, bool gathers_nodes, const base::Clock& clock)
    : nodes_(std::move(nodes)),
      gathers_nodes_(gathers_nodes),
      clock_(clock),
      started_(clock.Now()) {}

decision::Decision NodeAnswers::Decide(const Question& question, trigger::Scope scope,
                                       const std::vector<decision::NodeView>& nodes) const {
  const base::SteadyTime now = clock_.Now();
  decision::ScopeQuestion asked{question.spec, scope, {}, nullptr, nodes, now};
  if (gathers_nodes_) asked.listening = now - started_;
  return decision::DecideScope(asked);
}

void NodeAnswers::NoteAsked(const Question& question) const {
  if (!question.spec.engine) asked_.Note(question.spec.metric, clock_.Now());
}

model::MetricSet NodeAnswers::Asked() const { return asked_.Since(clock_.Now() - kAskedOfLate); }

absl::StatusOr<double> NodeAnswers::Value(const Question& question) const {
  NoteAsked(question);
  const auto scope = decision::EffectiveScope(question.spec, false);
  if (!scope.ok()) return scope.status();
  const std::vector<decision::NodeView> nodes = nodes_();
  if (const decision::NodeView* node = OnlyNode(question.spec, gathers_nodes_, nodes)) {
    return decision::NodeValue(question.spec, node->snapshot.get(), clock_.Now(),
                               node->max_reading_age);
  }
  return Decide(question, *scope, nodes).value;
}

absl::StatusOr<bool> NodeAnswers::Active(const Question& question) const {
  NoteAsked(question);
  const auto scope = decision::EffectiveScope(question.spec, false);
  if (!scope.ok()) return scope.status();
  const std::vector<decision::NodeView> nodes = nodes_();
  if (const decision::NodeView* node = OnlyNode(question.spec, gathers_nodes_, nodes)) {
    return decision::NodeActivity(question.spec, node->snapshot.get(), clock_.Now(),
                                  node->max_reading_age);
  }
  return Decide(question, *scope, nodes).active;
}

}  // namespace kgs::scaler
