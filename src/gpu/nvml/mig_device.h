// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "gpu/nvml/device.h"
#include "gpu/nvml/gpm.h"
#include "gpu/nvml/memory.h"
#include "gpu/nvml/processes.h"

namespace kgs::gpu::nvml {

/// A MIG device within one session: its own memory, and what GPM counts of its GPU instance, whose
/// multiprocessors all compute instances in it share. What belongs to the whole GPU (temperature,
/// power, links) is not sampled here: it is read there.
class MigDevice final : public SessionDevice {
 public:
  /// \p gpu is the handle of the GPU, \p gpu_uuid its UUID; \p handle, \p uuid and
  /// \p gpu_instance are those of the MIG device. \p per_process: also read which processes use it.
  MigDevice(const std::shared_ptr<const Library>& library, const SessionTicket& ticket,
            abi::Device gpu, std::string gpu_uuid, abi::Device handle, std::string uuid,
            std::optional<unsigned int> gpu_instance, bool per_process)
      : gpu_calls_(library, ticket, gpu, std::move(gpu_uuid)),
        calls_(library, ticket, handle, std::move(uuid)),
        has_instance_(gpu_instance.has_value()),
        gpm_(GpmRowsOfInstance(), gpu_instance) {
    if (per_process) processes_.emplace(Processes::Of::kMigDevice);
  }

  DeviceSample Read(const base::Clock& clock) override;
  const char* current_call() const override {
    const char* call = calls_.current_call();
    return call != nullptr ? call : gpu_calls_.current_call();
  }
  void EndSession(CallMark& mark) override;

 private:
  DeviceCalls gpu_calls_;
  DeviceCalls calls_;
  const bool has_instance_;
  std::optional<Processes> processes_;
  Memory memory_;
  Gpm gpm_;
};

}  // namespace kgs::gpu::nvml
