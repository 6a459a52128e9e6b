// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/mig_device.h"

namespace kgs::gpu::nvml {

using model::MetricId;
using model::Missing;
using model::Reading;

DeviceSample MigDevice::Read(const base::Clock& clock) {
  gpu_calls_.BeginRound();
  calls_.BeginRound();
  DeviceSample sample;
  memory_.Read(calls_, clock, sample.readings);
  if (has_instance_) {
    gpm_.Read(gpu_calls_, clock, sample.readings);
  } else {
    const Reading absent = Reading::Absent(
        Missing::kDriverError, "the driver does not say which GPU instance this MIG device is of");
    for (const GpmRow& row : GpmRowsOfInstance()) sample.readings[row.metric] = absent;
  }
  sample.readings[MetricId::kMemoryUtilization] = Reading::Absent(
      Missing::kUnsupported, "a MIG device has none: see dram_bandwidth_utilization");
  if (processes_) sample.processes = processes_->Read(calls_, clock);
  // Last: a handle that has become another MIG device's may have been so all along.
  calls_.CheckIdentity();
  if (!Judge(calls_, sample)) Judge(gpu_calls_, sample);
  return sample;
}

void MigDevice::EndSession(CallMark& mark) { gpm_.Close(gpu_calls_.library(), mark); }

}  // namespace kgs::gpu::nvml
