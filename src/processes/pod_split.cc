// SPDX-License-Identifier: Apache-2.0
#include "processes/pod_split.h"

#include <algorithm>
#include <utility>

namespace kgs::processes {
namespace {

constexpr double kBytesPerMib = 1024.0 * 1024.0;

model::PodUses Unknown(const model::ProcessUses& uses, const std::string& why) {
  return {.taken = uses.taken,
          .memory_problem = uses.memory_problem.empty() ? why : uses.memory_problem,
          .utilization_problem = uses.utilization_problem.empty() ? why : uses.utilization_problem};
}

void Add(const model::ProcessUse& process, model::PodUse& pod) {
  pod.utilization = std::min(pod.utilization + process.utilization, 100.0);
  if (!process.memory_bytes) {
    pod.memory_mib.reset();
  } else if (pod.memory_mib) {
    *pod.memory_mib += static_cast<double>(*process.memory_bytes) / kBytesPerMib;
  }
}

/// Puts the utilization of \p last into \p uses, with its own time.
void StandIn(const model::PodUses& last, model::PodUses& uses) {
  if (!last.utilization_problem.empty()) return;
  if (!uses.memory_problem.empty()) {
    uses.pods = last.pods;
    for (model::PodUse& pod : uses.pods) pod.memory_mib.reset();
  } else {
    for (model::PodUse& pod : uses.pods) {
      const auto before = std::ranges::find(last.pods, pod.pod_uid, &model::PodUse::pod_uid);
      pod.utilization = before != last.pods.end() ? before->utilization : 0;
    }
  }
  uses.utilization_problem.clear();
  uses.utilization_taken = last.UtilizationTaken();
}

}  // namespace

model::PodUses PodSplit::Split(const model::ProcessUses& uses) {
  std::map<std::string, model::PodUse> pods;
  bool found = uses.processes.empty();
  for (const model::ProcessUse& process : uses.processes) {
    const auto uid = table_.PodOf(process.pid);
    if (absl::IsNotFound(uid.status())) continue;
    if (!uid.ok()) return Unknown(uses, std::string(uid.status().message()));
    found = true;
    if (uid->empty()) continue;
    const auto pod = pods.try_emplace(*uid, model::PodUse{*uid, 0, 0.0}).first;
    Add(process, pod->second);
  }
  if (!found) {
    return Unknown(uses, "none of the processes that use it is in " + table_.proc_root());
  }
  model::PodUses split{uses.taken, {}, uses.memory_problem, uses.utilization_problem};
  for (auto& [uid, pod] : pods) split.pods.push_back(std::move(pod));
  return split;
}

void PodSplit::Split(model::NodeSnapshot& snapshot) {
  std::map<std::string, model::PodUses> now;
  for (model::GpuSnapshot& gpu : snapshot.gpus) {
    const auto processes = std::exchange(gpu.processes, std::nullopt);
    if (!processes) continue;
    const auto last = last_.find(gpu.identity.uuid);
    const bool known = last != last_.end() && last->second.taken == processes->taken;
    gpu.pod_uses = known ? last->second : Split(*processes);
    if (!known && last != last_.end() && processes->utilization_not_ready) {
      StandIn(last->second, *gpu.pod_uses);
    }
    if (!gpu.identity.uuid.empty()) now[gpu.identity.uuid] = *gpu.pod_uses;
  }
  last_ = std::move(now);
  table_.ForgetUnasked();
}

}  // namespace kgs::processes
