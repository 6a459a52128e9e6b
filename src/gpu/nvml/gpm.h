// SPDX-License-Identifier: Apache-2.0
//
// GPU performance monitoring: what the hardware of Hopper and later counts by itself, of a whole
// GPU or of one GPU instance, without blocking and without the locks of profilers.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "base/clock.h"
#include "gpu/nvml/device_calls.h"
#include "model/reading.h"

namespace kgs::gpu::nvml {

/// One of GPM's metrics and what it is to us.
struct GpmRow {
  abi::GpmMetricId id;
  model::MetricId metric;
  /// From GPM's unit to ours.
  double factor;
  /// In GPM's unit; what is beyond cannot be.
  double highest;
};
/// Of a GPU without MIG.
std::span<const GpmRow> GpmRowsOfGpu();
/// Of a GPU that has MIG devices: what does not belong to any one of them.
std::span<const GpmRow> GpmRowsOfMigParent();
/// Of a GPU instance.
std::span<const GpmRow> GpmRowsOfInstance();

/// The means over the time since the Read before. Samples closer than 100 ms mean nothing to the
/// driver: until then the last readings stay.
class Gpm {
 public:
  Gpm(std::span<const GpmRow> rows, std::optional<unsigned int> gpu_instance)
      : rows_(rows), gpu_instance_(gpu_instance) {}

  /// Fills every metric of its rows with a value or the reason why there is none. \p calls are
  /// those of the GPU itself, also for an instance.
  void Read(DeviceCalls& calls, const base::Clock& clock, model::Readings& readings);

  /// Gives its samples back, before the session is closed.
  void Close(const Library& library, CallMark& mark);

 private:
  /// A reading that is absent where there is no new pair of samples: the same for all rows.
  std::optional<model::Reading> TakeSample(DeviceCalls& calls, base::SteadyTime now);
  std::optional<model::Reading> WhyUnsupported(DeviceCalls& calls);
  abi::Return Sample(DeviceCalls& calls);
  model::Readings Compute(DeviceCalls& calls, base::SteadyTime now);

  const std::span<const GpmRow> rows_;
  const std::optional<unsigned int> gpu_instance_;

  std::optional<bool> supported_;
  CallVerdict support_verdict_;
  CallVerdict alloc_verdict_;
  CallVerdict sample_verdict_;
  CallVerdict metrics_verdict_;
  /// The last sample, where there is one, and what the next is written to.
  abi::GpmSample last_ = nullptr;
  abi::GpmSample next_ = nullptr;
  std::optional<base::SteadyTime> sampled_;
  std::unique_ptr<abi::GpmMetricsGet> request_;
  model::Readings readings_;
};

}  // namespace kgs::gpu::nvml
