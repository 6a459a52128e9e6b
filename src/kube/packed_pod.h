// SPDX-License-Identifier: Apache-2.0
//
// A pod in few bytes: most pods of a namespace belong to no workload of ours, and are kept only
// because a new one may select them at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/pod.h"

namespace kgs::kube {

class PackedPod {
 public:
  /// Of no pod.
  PackedPod() = default;
  explicit PackedPod(const model::Pod& pod);

  bool empty() const { return bytes_.empty(); }
  model::Pod Unpack() const;
  /// Equal where everything of the pods is.
  bool operator==(const PackedPod&) const = default;

 private:
  std::string bytes_;
};

/// For finding pods and selectors by a label without keeping its text again; different labels may
/// have the same hash.
uint64_t LabelHash(std::string_view key, std::string_view value);

}  // namespace kgs::kube
