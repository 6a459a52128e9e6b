// SPDX-License-Identifier: Apache-2.0
//
// What the device ids of each device plugin, and the device names of DRA, mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/allocation.h"
#include "model/gpu.h"

namespace kgs::attribution {

/// How an id names a GPU; exactly one of its kinds.
struct DeviceName {
  enum class Kind {
    /// text: "GPU-..." or "MIG-...".
    kUuid,
    /// text: the parent's UUID; gpu_instance, compute_instance. The old form
    /// MIG-GPU-<uuid>/<gi>/<ci>.
    kMigPlace,
    /// number: N of /dev/nvidiaN.
    kMinor,
    /// number, gpu_instance. GKE's nvidia0/gi1; DRA's gpu-0-mig-... has no instance to match.
    kMinorInstance,
    /// text: PCI address, "0000:03:00.0".
    kPci,
    /// number: N of /dev/dri/cardN.
    kDrmCard,
    /// Means a GPU, or a part of one, in a way that cannot be matched; text is the id.
    kOpaque,
  };
  Kind kind = Kind::kOpaque;
  std::string text;
  int number = 0;
  int gpu_instance = 0;
  int compute_instance = 0;
};

/// Nothing where the device is no GPU.
std::optional<DeviceName> NameOf(const model::PluginDevice& device);
std::optional<DeviceName> NameOf(const model::DraDevice& device);

/// The GPU of that name, among \p gpus; nothing where there is none, or more than one.
std::optional<size_t> Find(const DeviceName& name,
                           const std::vector<const model::GpuIdentity*>& gpus);

}  // namespace kgs::attribution
