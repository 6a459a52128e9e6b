// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/identity.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string>

#include "gpu/rocm/status.h"

namespace kgs::gpu::rocm {
namespace {

constexpr size_t kNameSize = 256;

/// As rocminfo writes it: "GPU-" and 16 hexadecimal digits. Empty where the GPU has none.
abi::Status ReadUniqueId(const Library& library, CallMark& mark, uint32_t index,
                         std::string& uuid) {
  uint64_t id = 0;
  const abi::Status status = Invoke(mark, library.unique_id, index, &id);
  if (IsUnsupported(status)) return abi::kSuccess;
  if (status != abi::kSuccess || id == 0) return status;
  char text[32];
  std::snprintf(text, sizeof(text), "GPU-%016llx", static_cast<unsigned long long>(id));
  uuid = text;
  return status;
}

/// The library falls back on the device id, "0x740f", where it has no list of names.
std::string NameOf(const Library& library, CallMark& mark, uint32_t index, const Sysfs& sysfs,
                   const Card& card) {
  std::array<char, kNameSize> buffer{};
  std::string name;
  if (Invoke(mark, library.name, index, buffer.data(), buffer.size()) == abi::kSuccess) {
    name.assign(buffer.data(), strnlen(buffer.data(), buffer.size()));
  }
  if (!name.empty() && name.substr(0, 2) != "0x") return name;
  const std::string product = card.number < 0 ? "" : sysfs.ProductName(card);
  return product.empty() ? name : product;
}

}  // namespace

Identification Identify(const Library& library, CallMark& mark, uint32_t index, const Sysfs& sysfs,
                        const std::vector<Card>& cards) {
  Identification found;
  found.place.index = index;
  model::GpuIdentity& gpu = found.identity;
  found.call = library.pci_id.name;
  found.status = Invoke(mark, library.pci_id, index, &found.place.pci_id);
  if (found.status != abi::kSuccess) return found;
  found.call = library.unique_id.name;
  found.status = ReadUniqueId(library, mark, index, gpu.uuid);
  if (found.status != abi::kSuccess) return found;

  gpu.index = static_cast<int>(index);
  gpu.pci_bus_id = PciAddress(found.place.pci_id);
  const auto card = std::find_if(cards.begin(), cards.end(), [&gpu](const Card& one) {
    return one.pci_address == gpu.pci_bus_id;
  });
  if (card != cards.end()) {
    found.card = *card;
    gpu.drm_card = card->number;
  }
  gpu.name = NameOf(library, mark, index, sysfs, found.card);
  if (gpu.uuid.empty()) gpu.uuid = gpu.pci_bus_id;
  return found;
}

}  // namespace kgs::gpu::rocm
