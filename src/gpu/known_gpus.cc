// SPDX-License-Identifier: Apache-2.0
#include "gpu/known_gpus.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace kgs::gpu {
namespace {

bool Lists(const std::vector<DeviceListing>& devices, const std::string& uuid) {
  return std::any_of(devices.begin(), devices.end(), [&uuid](const DeviceListing& listing) {
    return listing.identity.uuid == uuid;
  });
}

/// Without the function.
std::string_view BoardOf(std::string_view pci_bus_id) {
  return pci_bus_id.substr(0, pci_bus_id.rfind('.'));
}

}  // namespace

bool SameBoard(std::string_view a, std::string_view b) { return BoardOf(a) == BoardOf(b); }

/// Whether \p gpu's place on the PCI bus is that of one of \p devices, which is another by its
/// UUID.
bool KnownGpus::IsReplaced(const model::GpuIdentity& gpu,
                           const std::vector<DeviceListing>& devices) const {
  if (gpu.pci_bus_id.empty() || Lists(devices, gpu.uuid)) return false;
  return std::any_of(devices.begin(), devices.end(), [&](const DeviceListing& listing) {
    return !listing.identity.uuid.empty() && !listing.identity.mig &&
           same_place_(listing.identity.pci_bus_id, gpu.pci_bus_id);
  });
}

void KnownGpus::Remember(const std::vector<DeviceListing>& devices, uint64_t session) {
  std::erase_if(known_, [&](const Known& gpu) { return IsReplaced(gpu.identity, devices); });
  for (const DeviceListing& listing : devices) {
    // A MIG device that is gone was taken apart on purpose.
    if (listing.identity.uuid.empty() || listing.identity.mig) continue;
    auto known = std::find_if(known_.begin(), known_.end(), [&listing](const Known& gpu) {
      return gpu.identity.uuid == listing.identity.uuid;
    });
    if (known == known_.end()) known = known_.insert(known_.end(), Known{});
    *known = {listing.identity, session};
  }
  std::sort(known_.begin(), known_.end(), [](const Known& a, const Known& b) {
    return std::tie(a.identity.index, a.identity.uuid) <
           std::tie(b.identity.index, b.identity.uuid);
  });
}

std::vector<model::GpuIdentity> KnownGpus::Vanished(
    const std::vector<DeviceListing>& devices) const {
  std::vector<model::GpuIdentity> vanished;
  for (const Known& known : known_) {
    if (!Lists(devices, known.identity.uuid)) vanished.push_back(known.identity);
  }
  return vanished;
}

void KnownGpus::AppendVanished(std::vector<DeviceListing>& devices) const {
  for (model::GpuIdentity& identity : Vanished(devices)) {
    devices.push_back({.identity = std::move(identity),
                       .state = model::DeviceState::kLost,
                       .state_reason = "no longer listed by the driver",
                       .listed = false,
                       .device = nullptr});
  }
}

std::optional<int> KnownGpus::IndexOf(const std::string& uuid) const {
  for (const Known& known : known_) {
    if (known.identity.uuid == uuid) return known.identity.index;
  }
  return std::nullopt;
}

const model::GpuIdentity* KnownGpus::LastAt(int index,
                                            const std::vector<DeviceListing>& devices) const {
  const Known* best = nullptr;
  for (const Known& known : known_) {
    if (known.identity.index != index) continue;
    if (Lists(devices, known.identity.uuid)) continue;
    if (best == nullptr || known.session > best->session) best = &known;
  }
  return best == nullptr ? nullptr : &best->identity;
}

}  // namespace kgs::gpu
