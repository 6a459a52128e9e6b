// SPDX-License-Identifier: Apache-2.0
#include "sampling/mig_parent.h"

#include <map>
#include <string>

#include "catalogue/metrics.h"

namespace kgs::sampling {

using model::GpuSnapshot;
using model::Missing;
using model::Reading;

void ShareWithMigDevices(std::vector<GpuSnapshot>& gpus) {
  std::map<std::string, const GpuSnapshot*> whole;
  for (const GpuSnapshot& gpu : gpus) {
    if (!gpu.identity.mig) whole.emplace(gpu.identity.uuid, &gpu);
  }
  for (GpuSnapshot& gpu : gpus) {
    if (!gpu.identity.mig || gpu.state != model::DeviceState::kPresent) continue;
    const auto parent = whole.find(gpu.identity.mig->parent_uuid);
    for (const catalogue::Metric& metric : catalogue::Metrics()) {
      if (metric.of_instance) continue;
      gpu.readings[metric.id] =
          parent != whole.end()
              ? parent->second->readings[metric.id]
              : Reading::Absent(Missing::kNotFound, "the GPU of this MIG device is not read");
    }
  }
}

model::MetricSet OfInstance() {
  model::MetricSet metrics;
  for (const catalogue::Metric& metric : catalogue::Metrics()) {
    metrics[model::Index(metric.id)] = metric.of_instance;
  }
  return metrics;
}

}  // namespace kgs::sampling
