// SPDX-License-Identifier: Apache-2.0
#include "decision/units.h"

#include <map>
#include <utility>

#include "base/strings.h"

namespace kgs::decision {
namespace {

constexpr char kLwsName[] = "leaderworkerset.sigs.k8s.io/name";
constexpr char kLwsGroup[] = "leaderworkerset.sigs.k8s.io/group-index";

bool Counts(const model::Pod& pod) {
  return !pod.terminating && pod.phase != model::PodPhase::kSucceeded &&
         pod.phase != model::PodPhase::kFailed;
}

std::string MissingText(size_t missing, int size) {
  return std::to_string(missing) + " of its " + std::to_string(size) + " pods " +
         (missing == 1 ? "is" : "are") + " not there";
}

void CheckSize(Unit& unit) {
  const int size = unit.pods.front()->pod->group_size;
  if (size <= 0 || unit.pods.size() == static_cast<size_t>(size)) return;
  unit.problem = unit.pods.size() < static_cast<size_t>(size)
                     ? MissingText(static_cast<size_t>(size) - unit.pods.size(), size)
                     : "it has more pods than its size of " + std::to_string(size);
}

}  // namespace

std::vector<Unit> UnitsOf(const model::WorkloadView& view, const std::string& replica_label) {
  std::map<std::string, Unit> units;
  for (const model::PodView& pod_view : view.pods) {
    const model::Pod& pod = *pod_view.pod;
    if (!Counts(pod)) continue;
    const std::string* lws = model::FindLabel(pod.labels, kLwsName);
    const std::string* group = model::FindLabel(pod.labels, kLwsGroup);
    std::string name = "pod " + pod.name.Text();
    std::string problem;
    if (lws != nullptr && group != nullptr) {
      name = "group " + *group + " of " + pod.name.pod_namespace + "/" + *lws;
    } else if (!replica_label.empty()) {
      const std::string* value = model::FindLabel(pod.labels, replica_label);
      if (value != nullptr) {
        name = "replica " + *value + " in " + pod.name.pod_namespace;
      } else {
        problem = "it lacks the label that replicaLabel names";
      }
    }
    Unit& unit = units[name];
    unit.name = name;
    unit.pods.push_back(&pod_view);
    if (!problem.empty()) unit.problem = problem;
  }
  std::vector<Unit> sorted;
  sorted.reserve(units.size());
  for (auto& [name, unit] : units) {
    if (unit.problem.empty()) CheckSize(unit);
    sorted.push_back(std::move(unit));
  }
  return sorted;
}

}  // namespace kgs::decision
