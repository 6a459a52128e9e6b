// SPDX-License-Identifier: Apache-2.0
#include "decision/ready_pods.h"

#include <algorithm>

namespace kgs::decision {
namespace {

/// A view may hold more pods than the scale's selector: of a LeaderWorkerSet that is the leaders.
bool Selects(const model::WorkloadView& view, const model::Pod& pod) {
  return view.target == nullptr || view.target->selector.requirements.empty() ||
         view.target->selector.Matches(pod.labels);
}

}  // namespace

int ReadyPodsOfHpa(const model::WorkloadView& view) {
  return static_cast<int>(
      std::count_if(view.pods.begin(), view.pods.end(), [&](const model::PodView& pod) {
        return pod.pod->phase == model::PodPhase::kRunning && pod.pod->ready &&
               Selects(view, *pod.pod);
      }));
}

bool HpaCountsSeveralOfAUnit(const model::WorkloadView& view, const Sight& sight) {
  return std::any_of(sight.replicas.begin(), sight.replicas.end(), [&](const Replica& replica) {
    return std::count_if(replica.unit.pods.begin(), replica.unit.pods.end(),
                         [&](const model::PodView* pod) { return Selects(view, *pod->pod); }) > 1;
  });
}

}  // namespace kgs::decision
