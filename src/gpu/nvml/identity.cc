// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/identity.h"

#include <array>
#include <cstring>

#include "gpu/nvml/status.h"

namespace kgs::gpu::nvml {
namespace {

/// Whether \p code, answered to a call that we can do without, still means that the GPU cannot be
/// read at all.
bool StopsIdentification(abi::Return code) {
  const Effect effect = EffectOf(code);
  return effect == Effect::kGpuLost || effect == Effect::kSessionOver;
}

}  // namespace

std::string TextIn(const char* buffer, size_t size) {
  return std::string(buffer, strnlen(buffer, size));
}

abi::Return ReadUuid(const Library& library, CallMark& mark, abi::Device handle,
                     std::string& uuid) {
  std::array<char, abi::kUuidSize> buffer{};
  const abi::Return code = Invoke(mark, library.uuid, handle, buffer.data(), abi::kUuidSize);
  if (code != abi::kSuccess) return code;
  uuid = TextIn(buffer.data(), buffer.size());
  return uuid.empty() ? abi::kUnknown : abi::kSuccess;
}

Identification Identify(const Library& library, CallMark& mark, unsigned int index) {
  Identification found;
  found.identity.index = static_cast<int>(index);

  const auto stop = [&found](const SymbolBase& symbol, abi::Return code) {
    found.code = code;
    found.call = symbol.name;
    return found;
  };

  abi::Return code = Invoke(mark, library.handle_by_index, index, &found.handle);
  if (code != abi::kSuccess) return stop(library.handle_by_index, code);
  code = ReadUuid(library, mark, found.handle, found.identity.uuid);
  if (code != abi::kSuccess) return stop(library.uuid, code);

  std::array<char, abi::kNameSize> name{};
  code = Invoke(mark, library.name, found.handle, name.data(), abi::kNameSize);
  if (StopsIdentification(code)) return stop(library.name, code);
  if (code == abi::kSuccess) found.identity.name = TextIn(name.data(), name.size());

  unsigned int minor = 0;
  code = Invoke(mark, library.minor_number, found.handle, &minor);
  if (StopsIdentification(code)) return stop(library.minor_number, code);
  if (code == abi::kSuccess) found.identity.minor_number = static_cast<int>(minor);

  abi::PciInfo pci{};
  code = Invoke(mark, library.pci_info, found.handle, &pci);
  if (StopsIdentification(code)) return stop(library.pci_info, code);
  if (code == abi::kSuccess) found.identity.pci_bus_id = TextIn(pci.bus_id, sizeof(pci.bus_id));
  return found;
}

}  // namespace kgs::gpu::nvml
