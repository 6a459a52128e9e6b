// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "gpu/backend.h"
#include "gpu/plausible.h"
#include "gpu/rocm/library.h"
#include "gpu/session_ticket.h"

namespace kgs::gpu::rocm {

/// What the library knows a GPU by, within one session.
struct Place {
  uint32_t index = 0;
  /// As rsmi_dev_pci_id_get answers.
  uint64_t pci_id = 0;
};

/// One GPU within one session with the library. It holds all that a Read needs, so that a lane may
/// be stuck in it for longer than the backend lives. Whatever fails is asked for again at each
/// Read: a file in sysfs that is not there costs nothing.
class RocmDevice final : public Device {
 public:
  /// \p device_folder: the GPU's in sysfs; empty where it is not known.
  RocmDevice(std::shared_ptr<const Library> library, SessionTicket ticket, Place place,
             std::string device_folder)
      : library_(std::move(library)),
        ticket_(std::move(ticket)),
        place_(place),
        device_folder_(std::move(device_folder)) {}

  DeviceSample Read(const base::Clock& clock) override;
  const char* current_call() const override { return mark_.current(); }

 private:
  /// Which of several ways to a number this GPU has. Once one has given a value it stays: another
  /// sensor's numbers would read as a change of load.
  enum class PowerSource { kUnknown, kPower, kAverage, kHwmon };
  enum class Sensor { kUnknown, kEdge, kJunction };

  /// Calls \p symbol on this GPU, unless the session is over.
  template <typename Function, typename... Args>
  abi::Status Call(const Symbol<Function>& symbol, Args... args);
  /// Whether Invalid arguments, answered to a call, means that the session is over.
  bool IsSessionOver();

  model::Reading ReadPercent(const Symbol<abi::rsmi_dev_busy_percent_get>& symbol,
                             const base::Clock& clock);
  Bytes ReadBytes(const Symbol<abi::rsmi_dev_memory_total_get>& symbol);
  model::Reading ReadTemperature(const base::Clock& clock);
  model::Reading ReadSensor(abi::TemperatureSensor sensor, const base::Clock& clock);
  model::Reading ReadPower(const base::Clock& clock);
  model::Reading ReadPowerFrom(PowerSource source, const base::Clock& clock);

  const std::shared_ptr<const Library> library_;
  const SessionTicket ticket_;
  const Place place_;
  const std::string device_folder_;
  CallMark mark_;
  bool session_over_ = false;
  PowerSource power_source_ = PowerSource::kUnknown;
  Sensor sensor_ = Sensor::kUnknown;
};

}  // namespace kgs::gpu::rocm
