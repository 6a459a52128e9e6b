// SPDX-License-Identifier: Apache-2.0
#include "decision/mig_share.h"

#include <algorithm>

#include "catalogue/metrics.h"

namespace kgs::decision {

using model::GpuSnapshot;
using model::MetricId;
using model::NodeSnapshot;

namespace {

/// One whose GPU instance is not known shares with nobody that is known of.
bool SameInstance(const model::MigPlace& a, const model::MigPlace& b) {
  return a.gpu_instance >= 0 && a.gpu_instance == b.gpu_instance;
}

}  // namespace

const GpuSnapshot* ParentOf(const NodeSnapshot& node, const GpuSnapshot& gpu) {
  const auto& mig = gpu.identity.mig;
  if (!mig) return nullptr;
  const auto parent = std::ranges::find_if(node.gpus, [&](const GpuSnapshot& other) {
    return !other.identity.mig && other.identity.uuid == mig->parent_uuid;
  });
  return parent == node.gpus.end() ? nullptr : &*parent;
}

int MigSharers(const NodeSnapshot& node, const GpuSnapshot& gpu, MetricId metric) {
  if (!gpu.identity.mig) return 1;
  const model::MigPlace& place = *gpu.identity.mig;
  const bool of_instance = catalogue::MetricOf(metric).of_instance;
  const auto sharers = std::count_if(node.gpus.begin(), node.gpus.end(), [&](const auto& other) {
    return other.identity.mig && other.identity.mig->parent_uuid == place.parent_uuid &&
           (!of_instance || SameInstance(*other.identity.mig, place));
  });
  return static_cast<int>(std::max<std::ptrdiff_t>(sharers, 1));
}

bool RepeatsItsGpu(const NodeSnapshot& node, const GpuSnapshot& gpu, MetricId metric) {
  return !catalogue::MetricOf(metric).of_instance && ParentOf(node, gpu) != nullptr;
}

}  // namespace kgs::decision
