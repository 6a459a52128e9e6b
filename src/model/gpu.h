// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace kgs::model {

/// Where a MIG device stands within its GPU.
struct MigPlace {
  std::string parent_uuid;
  /// Each -1 where the driver does not say.
  int gpu_instance = 0;
  int compute_instance = 0;
  /// "1g.5gb"; empty where the driver does not say.
  std::string profile;
};

/// What does not change of a GPU while the driver is open. Text is empty where the driver does not
/// say.
struct GpuIdentity {
  /// The driver's index on this node; may change over reboots.
  int index = 0;
  /// Stable over reboots: the key of a GPU. "GPU-8-4-4-4-12" for NVIDIA.
  std::string uuid;
  std::string name;
  /// N of /dev/nvidiaN.
  std::optional<int> minor_number;
  /// "00000000:65:00.0".
  std::string pci_bus_id;
  /// N of /dev/dri/cardN, by which Intel's device plugin names a GPU.
  std::optional<int> drm_card;
  /// Set for a MIG device: index, minor number and bus id are then those of the GPU that it is a
  /// part of, uuid and name its own.
  std::optional<MigPlace> mig;
};

enum class DeviceState {
  /// The driver answers for it.
  kPresent,
  /// The driver says it is gone (off the bus, or in need of a reset), or no longer lists it.
  kLost,
  /// The driver lists it, but this process may not open it.
  kNotPermitted,
};

}  // namespace kgs::model
