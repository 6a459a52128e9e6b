// SPDX-License-Identifier: Apache-2.0
#include "decision/scope_decision.h"

#include <absl/status/status.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/strings.h"
#include "catalogue/aggregation.h"
#include "decision/finish.h"
#include "decision/gpu_health.h"
#include "decision/metric_type.h"
#include "decision/node_decision.h"
#include "decision/number.h"
#include "decision/problem_text.h"
#include "decision/ready_pods.h"

namespace kgs::decision {
namespace {

using model::HpaMetricType;
using trigger::Scope;

std::string Who(const ScopeQuestion& question) {
  return question.workload == nullptr ? "" : question.workload->object->key.Text() + ": ";
}

absl::StatusOr<std::vector<const NodeView*>> SelectNodes(const ScopeQuestion& question,
                                                         Decision& decision) {
  std::vector<const NodeView*> selected;
  for (const NodeView& node : question.nodes) {
    if (question.spec.node.empty() || node.name == question.spec.node) selected.push_back(&node);
  }
  if (question.scope == Scope::kNode && selected.size() > 1) {
    decision.branch = Branch::kInvalid;
    return absl::InvalidArgumentError(Who(question) +
                                      "scope \"node\" needs node: the GPUs of more than one node "
                                      "are known");
  }
  // Where the node is named no other is missed.
  if (question.spec.node.empty() && question.listening && *question.listening < kGathering) {
    return absl::UnavailableError(Who(question) +
                                  "not all nodes may have reported yet: this "
                                  "scaler has listened for less than " +
                                  base::FormatDuration(kGathering));
  }
  if (!selected.empty()) return selected;
  if (question.spec.node.empty()) {
    return absl::UnavailableError(Who(question) + "no node has reported its GPUs");
  }
  const std::string name =
      question.spec.node_hidden ? "the node that nodeFromEnv names" : "node " + question.spec.node;
  return absl::UnavailableError(Who(question) + name + " has not reported its GPUs");
}

/// A node that has no GPU and no trouble. Among others it is not missed.
bool HasNothing(const NodeView& node) {
  return node.snapshot != nullptr && node.snapshot->gpus.empty() &&
         std::all_of(node.snapshot->sources.begin(), node.snapshot->sources.end(),
                     [](const model::SourceHealth& source) { return source.problem.empty(); });
}

std::string NodeName(const ScopeQuestion& question, const NodeView& node) {
  return question.spec.node_hidden ? "node" : "node " + node.name;
}

absl::StatusOr<double> Aggregate(const ScopeQuestion& question,
                                 const std::vector<const NodeView*>& nodes, Decision& decision) {
  std::vector<double> values;
  std::vector<std::string> problems;
  std::vector<std::string> without;
  for (const NodeView* node : nodes) {
    if (nodes.size() > 1 && HasNothing(*node)) continue;
    if (nodes.size() > 1 && OffersNowhere(question.spec, node->snapshot.get())) {
      const auto why =
          ReadNode(question.spec, node->snapshot.get(), question.now, node->max_reading_age);
      without.push_back(NodeName(question, *node) + ": " + std::string(why.status().message()));
      continue;
    }
    ++decision.pods;
    Input input{NodeName(question, *node), "measured", std::nullopt, {}, ""};
    const auto readings =
        ReadNode(question.spec, node->snapshot.get(), question.now, node->max_reading_age);
    if (readings.ok()) {
      ++decision.measured;
      values.insert(values.end(), readings->values.begin(), readings->values.end());
      input.value = catalogue::Aggregate(question.spec.aggregation, readings->values);
      input.age = question.now - readings->oldest;
      decision.oldest_reading_age =
          std::max(decision.oldest_reading_age.value_or(input.age), input.age);
    } else {
      ++decision.lost;
      input.standing = "lost";
      input.why = std::string(readings.status().message());
      problems.push_back(input.name + ": " + input.why);
    }
    if (decision.inputs.size() < kMostInputs) decision.inputs.push_back(std::move(input));
  }
  decision.coverage =
      decision.pods == 0 ? 0 : static_cast<double>(decision.measured) / decision.pods;
  if (!problems.empty()) {
    return absl::UnavailableError(Summary(Who(question) + "GPUs cannot be read", problems));
  }
  if (values.empty() && !without.empty()) {
    return absl::UnavailableError(Summary(Who(question) + "no node has that of its GPUs", without));
  }
  if (values.empty()) return absl::UnavailableError(Who(question) + "no node has a GPU");
  const double value = catalogue::Aggregate(question.spec.aggregation, values);
  if (!std::isfinite(value)) return absl::UnavailableError("the readings make no finite number");
  return std::max(0.0, value);
}

/// What is lost is left out of the aggregate: a number that falls for it has its reason there.
void WarnOfGpus(const ScopeQuestion& question, const std::vector<const NodeView*>& nodes,
                Decision& decision) {
  std::vector<std::string> troubles;
  for (const NodeView* node : nodes) {
    if (node->snapshot == nullptr) continue;
    for (const std::string& trouble :
         GpuTroubles(*node->snapshot, question.spec.gpu_index, question.now)) {
      troubles.push_back(NodeName(question, *node) + ": " + trouble);
    }
  }
  if (!troubles.empty()) decision.warnings.push_back(Summary("GPU trouble", troubles));
}

/// R and the metric type, as far as they can be known.
absl::Status Prepare(const ScopeQuestion& question, Decision& decision) {
  const model::WorkloadView* workload = question.workload;
  const auto type = EffectiveMetricType(question.spec, question.metric_type,
                                        workload == nullptr ? nullptr : workload->object.get());
  if (!type.ok()) {
    decision.branch = Branch::kInvalid;
    return type.status();
  }
  decision.metric_type = *type;
  if (workload == nullptr) return absl::OkStatus();
  if (!workload->problem.empty()) {
    decision.branch = Branch::kNoWorkload;
    return absl::UnavailableError(
        base::Truncate(base::OneLine(Who(question) + workload->problem), kLongestMessage));
  }
  if (workload->target != nullptr) decision.replicas = workload->target->replicas;
  decision.ready = ReadyPodsOfHpa(*workload);
  return absl::OkStatus();
}

void Warn(const ScopeQuestion& question, const Whole& whole, Decision& decision) {
  if (whole.type == HpaMetricType::kAverageValue && !whole.adds_up && !whole.replicas) {
    decision.warnings.push_back(
        "the HPA divides by replicas that are not known here: use metricType Value for a level");
  }
  if (!question.metric_type && !question.spec.hpa_metric_type) {
    decision.warnings.push_back(
        "metricType is taken to be KEDA's default AverageValue: say hpaMetricType");
  }
}

Number NumberOf(const ScopeQuestion& question, double aggregate, Decision& decision) {
  if (decision.replicas == 0) return {Branch::kNoReplicas, 0, "R = 0"};
  Whole whole;
  whole.type = decision.metric_type;
  whole.target = question.spec.target;
  whole.target_hidden = question.spec.target_hidden;
  whole.value = aggregate;
  // A sum is a total: it does not grow with the replicas, so it must not be multiplied by them.
  whole.adds_up = question.spec.aggregation == catalogue::Aggregation::kSum;
  whole.replicas = decision.replicas;
  whole.ready = decision.ready;
  Warn(question, whole, decision);
  return WholeNumber(whole);
}

std::string ActiveText(const trigger::TriggerSpec& spec, double aggregate) {
  const std::string threshold =
      spec.threshold_hidden ? "the threshold" : base::FormatNumber(spec.activation_threshold);
  return base::FormatNumber(aggregate) +
         (aggregate > spec.activation_threshold ? " is above " : " is not above ") + threshold;
}

void Answer(const ScopeQuestion& question, Decision& decision) {
  absl::Status status = Prepare(question, decision);
  if (!status.ok()) return Fail(decision, decision.branch, std::move(status));
  decision.branch = Branch::kBlind;
  const auto nodes = SelectNodes(question, decision);
  if (!nodes.ok()) return Fail(decision, decision.branch, nodes.status());
  WarnOfGpus(question, *nodes, decision);
  const auto aggregate = Aggregate(question, *nodes, decision);
  if (!aggregate.ok()) return Fail(decision, decision.branch, aggregate.status());
  const Number number = NumberOf(question, *aggregate, decision);
  decision.branch = number.branch;
  decision.value = number.value;
  decision.formula = number.formula;
  decision.active = *aggregate > question.spec.activation_threshold;
  decision.active_why = ActiveText(question.spec, *aggregate);
}

}  // namespace

absl::StatusOr<Scope> EffectiveScope(const trigger::TriggerSpec& spec, bool kubernetes_configured) {
  if (spec.engine && !kubernetes_configured) {
    return absl::InvalidArgumentError(
        "metricType " + std::string(trigger::MetricNameOf(spec)) +
        " is read from the pods of a workload, which needs access to Kubernetes that this scaler "
        "does not have (--kubeconfig)");
  }
  if (!spec.scope) return kubernetes_configured ? Scope::kWorkload : Scope::kNode;
  if (*spec.scope == Scope::kWorkload && !kubernetes_configured) {
    return absl::InvalidArgumentError(
        "scope \"workload\" needs access to Kubernetes, which this scaler does not have "
        "(--kubeconfig)");
  }
  return *spec.scope;
}

Decision DecideScope(const ScopeQuestion& question) {
  Decision decision;
  Answer(question, decision);
  Finish(question.spec, decision);
  return decision;
}

}  // namespace kgs::decision
