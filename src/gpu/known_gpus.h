// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/backend.h"
#include "model/gpu.h"

namespace kgs::gpu {

/// The GPUs that a backend has identified in any of its sessions: one that is no longer listed is
/// missed.
class KnownGpus {
 public:
  /// Takes those of \p devices that have a UUID and are no MIG devices, as of the session numbered
  /// \p session.
  void Remember(const std::vector<DeviceListing>& devices, uint64_t session);

  /// Appends those that \p devices do not list, as lost.
  void AppendVanished(std::vector<DeviceListing>& devices) const;

  /// The one seen last at the driver's index \p index, of those that \p devices do not list;
  /// nullptr where none was.
  const model::GpuIdentity* LastAt(int index, const std::vector<DeviceListing>& devices) const;

 private:
  struct Known {
    model::GpuIdentity identity;
    /// The last session that listed it.
    uint64_t session = 0;
  };

  /// One a UUID, by the index they had last.
  std::vector<Known> known_;
};

}  // namespace kgs::gpu
