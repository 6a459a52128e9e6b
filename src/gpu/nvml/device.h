// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gpu/backend.h"
#include "gpu/nvml/counters.h"
#include "gpu/nvml/device_calls.h"
#include "gpu/nvml/gpm.h"
#include "gpu/nvml/memory.h"
#include "gpu/nvml/mig.h"
#include "gpu/nvml/processes.h"
#include "gpu/nvml/utilization.h"

namespace kgs::gpu::nvml {

/// A device that holds something of the session which must be given back before that is closed.
class SessionDevice : public Device {
 public:
  /// Overlaps with no other call; \p mark is of whoever calls.
  virtual void EndSession(CallMark& mark) = 0;
};

/// Turns \p sample into the news where a call of this round has condemned the GPU or the session,
/// and says whether one has.
bool Judge(const DeviceCalls& calls, DeviceSample& sample);

/// One GPU within one session with the driver. It holds all that a Read needs, so that a lane may
/// be stuck in it for longer than the backend lives.
///
/// Numbers that cannot be (a utilization above 100, more memory used than there is) are absent
/// readings: a driver that answers them is not to be believed.
///
/// With MIG enabled it gives what belongs to no MIG device alone; the rest is kOfMigDevices here,
/// or a driver error where the driver does not tell whether there are MIG devices. Where its MIG
/// devices are no longer those that the session was opened with, it must be opened anew.
class NvmlDevice final : public SessionDevice {
 public:
  /// \p per_process: also read which processes use it.
  NvmlDevice(const std::shared_ptr<const Library>& library, const SessionTicket& ticket,
             abi::Device handle, const std::string& uuid, MigSight mig, bool per_process)
      : handle_(handle),
        mig_(std::move(mig)),
        calls_(library, ticket, handle, uuid),
        slow_calls_(library, ticket, handle, uuid),
        gpm_(HasMigDevices() ? GpmRowsOfMigParent() : GpmRowsOfGpu(), std::nullopt) {
    if (per_process && !HasMigDevices()) processes_.emplace(Processes::Of::kGpu);
  }

  DeviceSample Read(const base::Clock& clock) override;
  const char* current_call() const override { return calls_.current_call(); }
  /// pcie_tx_kbps and pcie_rx_kbps: each blocks for 20 ms, during which the driver counts.
  model::Readings ReadSlow(const model::MetricSet& metrics, const base::Clock& clock) override;
  const char* current_slow_call() const override { return slow_calls_.current_call(); }
  void EndSession(CallMark& mark) override;

 private:
  void ReadOfGpuAlone(const base::Clock& clock, model::Readings& readings);
  void ReadLinks(const Counters::Result& counted, const base::Clock& clock, DeviceSample& sample);
  bool HasSameMigDevices();
  /// Or may have.
  bool HasMigDevices() const { return mig_.enabled || !mig_.known; }
  void ReadUtilization(const base::Clock& clock, model::Readings& readings);
  /// From the ring; from \p rate where that has nothing to say.
  model::Reading ReadSampled(UtilizationSamples& samples, const base::Clock& clock,
                             unsigned int abi::Utilization::* rate);
  model::Reading ReadRate(const base::Clock& clock, unsigned int abi::Utilization::* rate);
  model::Reading ReadTemperature(const base::Clock& clock);
  model::Reading ReadPower(const base::Clock& clock);

  const abi::Device handle_;
  /// As the session was opened.
  const MigSight mig_;
  DeviceCalls calls_;
  /// Of the lane of slow calls.
  DeviceCalls slow_calls_;
  Gpm gpm_;
  Counters counters_;
  Memory memory_;
  std::optional<Processes> processes_;
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
  CallVerdict temperature_v_;
  CallVerdict temperature_;
  CallVerdict power_usage_;
  CallVerdict pcie_transmitted_;
  CallVerdict pcie_received_;
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
