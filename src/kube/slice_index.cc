// SPDX-License-Identifier: Apache-2.0
#include "kube/slice_index.h"

#include <algorithm>

namespace kgs::kube {

void SliceIndex::Put(const std::string& slice,
                     std::vector<std::pair<model::DraDevice, std::string>> devices) {
  for (const model::DraDevice& device : devices_by_slice_[slice]) {
    const auto found = uuids_.find(device);
    if (found == uuids_.end()) continue;
    found->second.erase(slice);
    if (found->second.empty()) uuids_.erase(found);
  }
  devices_by_slice_.erase(slice);
  for (auto& [device, uuid] : devices) {
    uuids_[device][slice] = std::move(uuid);
    devices_by_slice_[slice].push_back(std::move(device));
  }
}

absl::StatusOr<std::optional<std::string>> SliceIndex::UuidOf(
    const model::DraDevice& device) const {
  const auto found = uuids_.find(device);
  if (found == uuids_.end()) return std::optional<std::string>();
  const std::map<std::string, std::string>& by_slice = found->second;
  const std::string& uuid = by_slice.begin()->second;
  const bool agreed = std::all_of(by_slice.begin(), by_slice.end(),
                                  [&](const auto& one) { return one.second == uuid; });
  if (!agreed) {
    return absl::UnavailableError("ResourceSlices differ on what device " + device.Text() + " is");
  }
  return std::optional(uuid);
}

}  // namespace kgs::kube
