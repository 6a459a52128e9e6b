// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/allocation.h"

namespace kgs::kube {

/// What all ResourceSlices say of the UUIDs of devices. Not thread-safe.
class SliceIndex {
 public:
  /// Replaces what \p slice says; without devices it is gone.
  void Put(const std::string& slice, std::vector<std::pair<model::DraDevice, std::string>> devices);
  /// Nothing where no slice says it; UNAVAILABLE where two differ.
  absl::StatusOr<std::optional<std::string>> UuidOf(const model::DraDevice& device) const;

 private:
  std::map<std::string, std::vector<model::DraDevice>> devices_by_slice_;
  /// By device and slice.
  std::map<model::DraDevice, std::map<std::string, std::string>> uuids_;
};

}  // namespace kgs::kube
