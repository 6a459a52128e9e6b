// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/backend.h"
#include "model/gpu.h"

namespace kgs::gpu {

/// Whether two PCI addresses differ in the function at most: some kernels write which partition of
/// an AMD GPU is meant in its place ("0000:03:00.1").
bool SameBoard(std::string_view a, std::string_view b);
inline bool SameAddress(std::string_view a, std::string_view b) { return a == b; }

/// The GPUs that a backend has identified in any of its sessions: one that is no longer listed is
/// missed.
class KnownGpus {
 public:
  /// Whether GPUs at two PCI addresses are in one another's place.
  using SamePlace = bool (*)(std::string_view a, std::string_view b);

  /// SameBoard, or where each function of a board may be a GPU of its own SameAddress.
  explicit KnownGpus(SamePlace same_place) : same_place_(same_place) {}

  /// Takes those of \p devices that have a UUID and are no MIG devices, as of the session numbered
  /// \p session. Forgets those that \p devices do not list and whose place on the PCI bus one of
  /// them has: the board was replaced, or is partitioned otherwise, and nobody misses them.
  void Remember(const std::vector<DeviceListing>& devices, uint64_t session);

  /// Those that \p devices do not list.
  std::vector<model::GpuIdentity> Vanished(const std::vector<DeviceListing>& devices) const;

  /// Appends these, as lost.
  void AppendVanished(std::vector<DeviceListing>& devices) const;

  /// The driver's index that the GPU had last; nothing where it is not known.
  std::optional<int> IndexOf(const std::string& uuid) const;

  /// The one seen last at the driver's index \p index, of those that \p devices do not list;
  /// nullptr where none was.
  const model::GpuIdentity* LastAt(int index, const std::vector<DeviceListing>& devices) const;

 private:
  struct Known {
    model::GpuIdentity identity;
    /// The last session that listed it.
    uint64_t session = 0;
  };

  bool IsReplaced(const model::GpuIdentity& gpu, const std::vector<DeviceListing>& devices) const;

  const SamePlace same_place_;
  /// One a UUID, by the index they had last.
  std::vector<Known> known_;
};

}  // namespace kgs::gpu
