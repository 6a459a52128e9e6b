// SPDX-License-Identifier: Apache-2.0
#include "kube/address_index.h"

namespace kgs::kube {

void AddressIndex::Add(const std::string& address, const std::string& owner_namespace) {
  if (!address.empty()) owners_.emplace(address, &*names_.insert(owner_namespace).first);
}

void AddressIndex::Remove(const std::string& address, const std::string& owner_namespace) {
  const auto [begin, end] = owners_.equal_range(address);
  for (auto owner = begin; owner != end; ++owner) {
    if (*owner->second != owner_namespace) continue;
    owners_.erase(owner);
    return;
  }
}

std::optional<std::string> AddressIndex::NamespaceOf(const std::string& address) const {
  const auto [begin, end] = owners_.equal_range(address);
  if (begin == end) return std::nullopt;
  for (auto owner = begin; owner != end; ++owner) {
    if (owner->second != begin->second) return "";
  }
  return *begin->second;
}

}  // namespace kgs::kube
