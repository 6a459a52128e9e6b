// SPDX-License-Identifier: Apache-2.0
//
// The XID errors of a driver's GPUs since the process started, across its sessions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "gpu/backend.h"
#include "model/node_snapshot.h"

namespace kgs::sampling {

/// More GPUs than one node has ever had: MIG devices come and go.
inline constexpr size_t kMostXidGpus = 1024;

/// Of the sampler's thread.
class XidLedger {
 public:
  /// Counts \p events, and logs each code of a GPU at most once a minute. Codes beyond
  /// kMostXidCodes of one GPU, and GPUs beyond kMostXidGpus, are logged and not counted.
  void Add(const std::vector<gpu::XidEvent>& events, base::SteadyTime now);
  /// By code.
  std::vector<model::XidCount> Of(const std::string& uuid) const;

 private:
  struct Entry {
    model::XidCount xid;
    std::optional<base::SteadyTime> logged;
  };
  /// By code.
  using Entries = std::map<uint64_t, Entry>;

  /// Null where there is no room.
  Entry* EntryOf(const gpu::XidEvent& event);
  void Drop(const gpu::XidEvent& event, base::SteadyTime now);

  std::map<std::string, Entries> by_uuid_;
  std::optional<base::SteadyTime> drop_logged_;
};

}  // namespace kgs::sampling
