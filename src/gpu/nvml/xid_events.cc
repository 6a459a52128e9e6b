// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/xid_events.h"

#include "gpu/nvml/status.h"

namespace kgs::gpu::nvml {
namespace {

/// It is asked each sampling tick, so it need not wait for anything to come.
constexpr unsigned int kWaitMs = 1;
/// One tick takes no more; a GPU that fails for good tells of it without end.
constexpr int kMostAtOnce = 64;

}  // namespace

void XidEvents::Open(const Library& library, CallMark& mark, std::vector<Place> places) {
  places_ = std::move(places);
  if (library.event_set_wait.address == nullptr) return;
  // After Unknown Error a set is in no state to be used: it is made anew, without that GPU.
  std::set<abi::Device> refused;
  while (!TryOpen(library, mark, refused)) {
  }
}

bool XidEvents::TryOpen(const Library& library, CallMark& mark, std::set<abi::Device>& refused) {
  if (Invoke(mark, library.event_set_create, &set_) != abi::kSuccess) {
    set_ = nullptr;
    return true;
  }
  bool any = false;
  for (const Place& place : places_) {
    if (refused.contains(place.gpu)) continue;
    unsigned long long types = 0;
    if (Invoke(mark, library.event_types, place.gpu, &types) != abi::kSuccess) continue;
    if ((types & abi::kEventXid) == 0) continue;
    const abi::Return code = Invoke(mark, library.register_events, place.gpu, abi::kEventXid, set_);
    if (code == abi::kUnknown) {
      refused.insert(place.gpu);
      Close(library, mark);
      return false;
    }
    any |= code == abi::kSuccess;
  }
  // Nothing will ever come.
  if (!any) Close(library, mark);
  return true;
}

std::string XidEvents::UuidOf(const abi::EventData& event) const {
  for (const Place& place : places_) {
    if (place.gpu != event.device) continue;
    const auto mig = place.mig_uuids.find(event.gpu_instance);
    return mig == place.mig_uuids.end() ? place.uuid : mig->second;
  }
  return "";
}

std::vector<XidEvent> XidEvents::Take(const Library& library, CallMark& mark) {
  std::vector<XidEvent> events;
  for (int i = 0; set_ != nullptr && i < kMostAtOnce; ++i) {
    abi::EventData event{};
    event.gpu_instance = abi::kNoInstance;
    // A timeout is how nothing more is told; after an error the next tick asks again.
    if (Invoke(mark, library.event_set_wait, set_, &event, kWaitMs) != abi::kSuccess) break;
    if ((event.type & abi::kEventXid) == 0) continue;
    std::string uuid = UuidOf(event);
    if (!uuid.empty()) events.push_back({std::move(uuid), event.data});
  }
  return events;
}

void XidEvents::Close(const Library& library, CallMark& mark) {
  if (set_ == nullptr) return;
  Invoke(mark, library.event_set_free, set_);
  set_ = nullptr;
}

}  // namespace kgs::gpu::nvml
