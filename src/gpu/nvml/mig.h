// SPDX-License-Identifier: Apache-2.0
//
// The MIG devices of a GPU: one for each compute instance. They come and go while the driver is
// open, and a handle may then be that of another one.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "gpu/call_mark.h"
#include "gpu/nvml/library.h"
#include "model/gpu.h"

namespace kgs::gpu::nvml {

/// What can be seen of the MIG devices of a GPU at little cost: to be compared with what there was.
struct MigSight {
  /// False: the GPU did not tell, so it may have MIG devices or none.
  bool known = true;
  /// False: this GPU never has MIG, and need not be looked at again.
  bool possible = true;
  bool enabled = false;
  struct Seen {
    abi::Device handle = nullptr;
    std::string uuid;
    /// Each -1 where the driver does not say.
    int gpu_instance = -1;
    int compute_instance = -1;
  };
  /// By the driver's index.
  std::vector<Seen> devices;
  /// The places, by that index, at which this process could read a MIG device when a session was
  /// last opened: one that is refused there is missed, where another was never ours. So it is where
  /// MIG devices were made anew and this process may not open them until it is started again.
  std::set<unsigned int> ours;

  /// Whether \p now may be the same: what it does not tell is no difference.
  bool StillHolds(const MigSight& now) const;
};

/// \p ours is that of the look before.
MigSight LookAtMig(const Library& library, CallMark& mark, abi::Device gpu,
                   const std::set<unsigned int>& ours);

/// Who a MIG device of \p gpu is.
model::GpuIdentity IdentifyMig(const Library& library, CallMark& mark, const MigSight::Seen& seen,
                               const model::GpuIdentity& gpu);

}  // namespace kgs::gpu::nvml
