// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

#include "base/clock.h"
#include "gpu/counter_rate.h"
#include "gpu/nvml/device_calls.h"
#include "model/reading.h"

namespace kgs::gpu::nvml {

/// What one call of nvmlDeviceGetFieldValues says of a GPU: counters, of which two looks make a
/// rate, and what the driver wants to have done to it.
class Counters {
 public:
  struct Result {
    // Unsupported where the driver does not count, or in 32 bits: of PCIe these wrap within 67 ms,
    // of NVLink within seconds.

    /// KiB/s.
    model::Reading pcie_tx;
    model::Reading pcie_rx;
    /// MiB/s, over all links.
    model::Reading nvlink_tx;
    model::Reading nvlink_rx;
    /// The driver says that the GPU has no link, or nothing at all of links.
    bool no_nvlink = false;
    /// "gpu_reset", as told last; empty where nothing, or never told.
    std::string recovery_action;
  };
  Result Read(DeviceCalls& calls, const base::Clock& clock);

 private:
  enum Place { kLinks, kNvlinkTx, kNvlinkRx, kPcieTx, kPcieRx, kRecovery, kPlaces };

  /// Asks for every field that is not known to be unsupported.
  void Ask(DeviceCalls& calls, const base::Clock& clock);
  model::Reading Rate(Place place, double per_unit, const char* call);
  const abi::FieldValue& Answer(Place place) const { return answers_[place]; }

  CallVerdict verdict_;
  std::array<CallVerdict, kPlaces> verdicts_;
  std::array<abi::FieldValue, kPlaces> answers_{};
  base::SteadyTime asked_;
  base::SteadyTime answered_;
  std::array<CounterRate, kPlaces> rates_;
  std::array<model::Reading, kPlaces> readings_;
  std::string recovery_action_;
};

}  // namespace kgs::gpu::nvml
