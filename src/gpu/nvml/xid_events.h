// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gpu/backend.h"
#include "gpu/call_mark.h"
#include "gpu/nvml/library.h"

namespace kgs::gpu::nvml {

/// The XID errors that the driver tells of while a session is open. Errors of the driver itself
/// cost the events and nothing else.
class XidEvents {
 public:
  /// Where an event may be of: a GPU, or a GPU instance and the MIG device in it.
  struct Place {
    abi::Device gpu = nullptr;
    std::string uuid;
    /// By GPU instance; one that has several is not here.
    std::map<unsigned int, std::string> mig_uuids;
  };

  /// Begins to listen to those of \p places that can tell.
  void Open(const Library& library, CallMark& mark, std::vector<Place> places);
  /// What has come since; hardly waits.
  std::vector<XidEvent> Take(const Library& library, CallMark& mark);
  /// Before the session is closed.
  void Close(const Library& library, CallMark& mark);

 private:
  /// False where it must be tried again, without one more of \p refused.
  bool TryOpen(const Library& library, CallMark& mark, std::set<abi::Device>& refused);
  std::string UuidOf(const abi::EventData& event) const;

  abi::EventSet set_ = nullptr;
  std::vector<Place> places_;
};

}  // namespace kgs::gpu::nvml
