// SPDX-License-Identifier: Apache-2.0
#include "decision/gpu_health.h"

#include <algorithm>

#include "decision/mig_share.h"
#include "decision/problem_text.h"

namespace kgs::decision {
namespace {

using model::GpuSnapshot;
using model::PodGpu;

}  // namespace

bool IsApplicationXid(uint64_t code) {
  constexpr uint64_t kOfApplications[] = {13, 31, 43, 45, 68, 109};
  return std::ranges::find(kOfApplications, code) != std::end(kOfApplications);
}

std::string HealthText(const model::GpuHealth& health, base::SteadyTime now) {
  std::string text;
  for (const model::XidCount& xid : health.xids) {
    if (IsApplicationXid(xid.code) || now - xid.last > kXidOfLate) continue;
    text += (text.empty() ? "had within the last hour XID " : ", XID ") + std::to_string(xid.code);
    const std::string times = xid.count == 1 ? "once" : std::to_string(xid.count) + " times";
    text += " (" + times + " since its agent started)";
  }
  if (!health.recovery_action.empty()) {
    text += (text.empty() ? "" : "; ") + std::string("its driver asks for: ");
    text += health.recovery_action;
  }
  return text;
}

std::string GpuTrouble(const Sight& sight, base::SteadyTime now) {
  std::vector<std::string> troubles;
  for (const Replica& replica : sight.replicas) {
    for (const model::PodView* pod : replica.unit.pods) {
      for (const PodGpu& gpu : pod->gpus) {
        for (const GpuSnapshot* one : {&gpu.snapshot(), ParentOf(*gpu.node, gpu.snapshot())}) {
          const std::string text = one == nullptr ? "" : HealthText(one->health, now);
          if (text.empty()) continue;
          troubles.push_back("pod " + pod->pod->name.Text() + ": " + NameOf(*one) + " " + text);
        }
      }
    }
  }
  return troubles.empty() ? "" : Summary("GPU trouble", troubles);
}

std::vector<std::string> GpuTroubles(const model::NodeSnapshot& node, int gpu_index,
                                     base::SteadyTime now) {
  std::vector<std::string> troubles;
  for (const GpuSnapshot& gpu : node.gpus) {
    if (gpu_index != trigger::kAllGpus && gpu.identity.index != gpu_index) continue;
    if (gpu.state == model::DeviceState::kLost) {
      const GpuSnapshot* parent = ParentOf(node, gpu);
      const bool goes_with_it = parent != nullptr && parent->state == model::DeviceState::kLost;
      if (!goes_with_it) troubles.push_back(StateText(gpu));
    }
    const std::string text = HealthText(gpu.health, now);
    if (!text.empty()) troubles.push_back(NameOf(gpu) + " " + text);
  }
  return troubles;
}

}  // namespace kgs::decision
