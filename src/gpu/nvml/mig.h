// SPDX-License-Identifier: Apache-2.0
//
// The MIG devices of a GPU: one for each compute instance. They come and go while the driver is
// open, and a handle may then be that of another one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gpu/call_mark.h"
#include "gpu/nvml/library.h"
#include "model/gpu.h"

namespace kgs::gpu::nvml {

/// What can be seen of the MIG devices of a GPU at little cost: to be compared with what there was.
struct MigSight {
  /// False: this GPU never has MIG, and need not be looked at again.
  bool possible = true;
  bool enabled = false;
  struct Seen {
    abi::Device handle = nullptr;
    std::string uuid;
  };
  /// By the driver's index.
  std::vector<Seen> devices;

  bool SameAs(const MigSight& other) const;
};

/// Nothing where the GPU does not tell now (it is lost, say). A GPU without MIG has it not enabled.
std::optional<MigSight> LookAtMig(const Library& library, CallMark& mark, abi::Device gpu);

/// Who a MIG device of \p gpu is. Its instances are -1 where the driver does not say.
model::GpuIdentity IdentifyMig(const Library& library, CallMark& mark, const MigSight::Seen& seen,
                               const model::GpuIdentity& gpu);

}  // namespace kgs::gpu::nvml
