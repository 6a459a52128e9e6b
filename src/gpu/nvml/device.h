// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gpu/backend.h"
#include "gpu/nvml/device_calls.h"
#include "gpu/nvml/utilization.h"

namespace kgs::gpu::nvml {

/// One GPU within one session with the driver. It holds all that a Read needs, so that a lane may
/// be stuck in it for longer than the backend lives.
///
/// Numbers that cannot be (a utilization above 100, more memory used than there is) are absent
/// readings: a driver that answers them is not to be believed.
class NvmlDevice final : public Device {
 public:
  NvmlDevice(std::shared_ptr<const Library> library, SessionTicket ticket, abi::Device handle,
             std::string uuid)
      : calls_(std::move(library), std::move(ticket), handle, std::move(uuid)) {}

  DeviceSample Read(const base::Clock& clock) override;
  const char* current_call() const override { return calls_.current_call(); }

 private:
  void ReadUtilization(const base::Clock& clock, model::Readings& readings);
  /// From the ring; from \p rate where that has nothing to say.
  model::Reading ReadSampled(UtilizationSamples& samples, const base::Clock& clock,
                             unsigned int abi::Utilization::* rate);
  model::Reading ReadRate(const base::Clock& clock, unsigned int abi::Utilization::* rate);
  void ReadMemory(const base::Clock& clock, model::Readings& readings);
  model::Reading ReadTemperature(const base::Clock& clock);
  model::Reading ReadPower(const base::Clock& clock);

  DeviceCalls calls_;
  UtilizationSamples gpu_samples_{abi::kGpuUtilizationSamples};
  UtilizationSamples memory_samples_{abi::kMemoryUtilizationSamples};
  /// The rates of this round, where they were asked for: one call answers both.
  struct Rates {
    base::SteadyTime taken;
    abi::Return code;
    abi::Utilization values;
  };
  std::optional<Rates> rates_;
  CallVerdict utilization_rates_;
  CallVerdict memory_info_v2_;
  CallVerdict memory_info_;
  CallVerdict temperature_v_;
  CallVerdict temperature_;
  CallVerdict power_usage_;
};

/// A GPU that the driver counts but would not identify when the session was opened, for a reason
/// that is not loss. Where it is not refused to us, it is there, so its readings fail rather than
/// vanish from an aggregate. Each Read asks again, and has the session opened anew once the driver
/// tells.
class UnidentifiedDevice final : public Device {
 public:
  /// What it means that this process may not open the GPU.
  enum class Refusal {
    /// It is another container's: not permitted, out of the set.
    kNotOurs,
    /// It was ours before: its readings fail.
    kFails,
  };

  UnidentifiedDevice(std::shared_ptr<const Library> library, SessionTicket ticket,
                     unsigned int index, Refusal refusal)
      : library_(std::move(library)),
        ticket_(std::move(ticket)),
        index_(index),
        refusal_(refusal) {}

  DeviceSample Read(const base::Clock& clock) override;
  const char* current_call() const override { return mark_.current(); }

 private:
  const std::shared_ptr<const Library> library_;
  const SessionTicket ticket_;
  const unsigned int index_;
  const Refusal refusal_;
  CallMark mark_;
};

}  // namespace kgs::gpu::nvml
