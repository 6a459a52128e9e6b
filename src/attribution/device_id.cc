// SPDX-License-Identifier: Apache-2.0
#include "attribution/device_id.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "attribution/pci_address.h"

namespace kgs::attribution {
namespace {

using Kind = DeviceName::Kind;

bool IsHexDigit(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

/// Cuts \p prefix off \p text, or leaves it.
bool Cut(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// Cuts the decimal number that \p text begins with off it.
std::optional<int> CutNumber(std::string_view& text) {
  int number = 0;
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

/// \p text, whole.
std::optional<int> ParseNumber(std::string_view text) {
  const auto number = CutNumber(text);
  return text.empty() ? number : std::nullopt;
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// \p text without its last \p separator and the number behind that, the share that a plugin hands
/// out of one GPU.
std::string_view WithoutShare(std::string_view text, std::string_view separator) {
  const size_t at = text.rfind(separator);
  if (at == std::string_view::npos || !ParseNumber(text.substr(at + separator.size()))) return text;
  return text.substr(0, at);
}

/// 8-4-4-4-12 hexadecimal digits.
bool IsUuid(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return std::equal(text.begin(), text.end(), kForm.begin(), kForm.end(),
                    [](char c, char form) { return form == '-' ? c == '-' : IsHexDigit(c); });
}

/// MIG-GPU-<uuid>/<gi>/<ci>, of drivers before 470.
std::optional<DeviceName> OldMigName(std::string_view id) {
  if (!Cut(id, "MIG-") || id.substr(0, 4) != "GPU-") return std::nullopt;
  DeviceName name{.kind = Kind::kMigPlace};
  const size_t slash = id.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  name.text = std::string(id.substr(0, slash));
  id.remove_prefix(slash + 1);
  const auto gpu_instance = CutNumber(id);
  if (!gpu_instance || !Cut(id, "/")) return std::nullopt;
  const auto compute_instance = ParseNumber(id);
  if (!compute_instance) return std::nullopt;
  name.gpu_instance = *gpu_instance;
  name.compute_instance = *compute_instance;
  return name;
}

/// GKE's nvidia0, nvidia0/gi1, nvidia0/vgpu2 and nvidia0/gi1/vgpu2.
std::optional<DeviceName> GkeName(std::string_view id) {
  if (!Cut(id, "nvidia")) return std::nullopt;
  const auto minor = CutNumber(id);
  if (!minor) return std::nullopt;
  DeviceName name{.kind = Kind::kMinor, .number = *minor};
  if (Cut(id, "/gi")) {
    const auto gpu_instance = CutNumber(id);
    if (!gpu_instance) return std::nullopt;
    name.kind = Kind::kMinorInstance;
    name.gpu_instance = *gpu_instance;
  }
  if (Cut(id, "/vgpu") && !CutNumber(id)) return std::nullopt;
  return id.empty() ? std::optional(name) : std::nullopt;
}

/// What an id of NVIDIA's or GKE's plugin says, whatever resource it comes under.
std::optional<DeviceName> NvidiaName(std::string_view id) {
  // <id>::<replica> where the plugin shares one GPU, by time or by MPS.
  id = id.substr(0, id.find("::"));
  if (auto name = OldMigName(id)) return name;
  if (auto name = GkeName(id)) return name;
  std::string_view uuid = id;
  if ((Cut(uuid, "GPU-") || Cut(uuid, "MIG-")) && IsUuid(uuid)) {
    return DeviceName{.kind = Kind::kUuid, .text = std::string(id)};
  }
  return std::nullopt;
}

bool IsNvidiaGpuResource(std::string_view resource) {
  return resource == "nvidia.com/gpu" || resource == "nvidia.com/gpu.shared" ||
         Cut(resource, "nvidia.com/mig-");
}

/// amd.com/gpu, or a partition of compute and memory: amd.com/cpx_nps4.
bool IsAmdGpuResource(std::string_view resource) {
  if (!Cut(resource, "amd.com/")) return false;
  if (resource == "gpu") return true;
  const size_t memory = resource.find("_nps");
  return memory != std::string_view::npos && ParseNumber(resource.substr(memory + 4)).has_value();
}

/// gpu.intel.com/i915 and /xe; their _monitoring lends a pod all GPUs to look at, and holds none.
bool IsIntelGpuResource(std::string_view resource) {
  return Cut(resource, "gpu.intel.com/") && !EndsWith(resource, "_monitoring");
}

DeviceName Opaque(std::string_view id) { return {.kind = Kind::kOpaque, .text = std::string(id)}; }

DeviceName AmdName(std::string_view id) {
  const std::string_view gpu = WithoutShare(id, "-slice-");
  if (!ParsePciAddress(gpu)) return Opaque(gpu);
  return {.kind = Kind::kPci, .text = std::string(gpu)};
}

DeviceName IntelName(std::string_view id) {
  std::string_view card = WithoutShare(id, "-");
  const std::string_view whole = card;
  const auto number = Cut(card, "card") ? ParseNumber(card) : std::nullopt;
  if (!number) return Opaque(whole);
  return {.kind = Kind::kDrmCard, .number = *number};
}

bool IsNvidiaMinorOfParent(const model::GpuIdentity& gpu, int minor,
                           const std::vector<const model::GpuIdentity*>& gpus) {
  if (gpu.minor_number) return *gpu.minor_number == minor;
  return std::any_of(gpus.begin(), gpus.end(), [&](const model::GpuIdentity* other) {
    return !other->mig && other->minor_number == minor &&
           EqualIgnoringCase(other->uuid, gpu.mig->parent_uuid);
  });
}

/// A MIG device shares number and address with its parent, and is neither by them.
bool Means(const DeviceName& name, const model::GpuIdentity& gpu,
           const std::vector<const model::GpuIdentity*>& gpus) {
  switch (name.kind) {
    case Kind::kUuid:
      return EqualIgnoringCase(gpu.uuid, name.text);
    case Kind::kMigPlace:
      return gpu.mig && EqualIgnoringCase(gpu.mig->parent_uuid, name.text) &&
             gpu.mig->gpu_instance == name.gpu_instance &&
             gpu.mig->compute_instance == name.compute_instance;
    case Kind::kMinor:
      return !gpu.mig && gpu.minor_number == name.number;
    case Kind::kMinorInstance:
      return gpu.mig && gpu.mig->gpu_instance == name.gpu_instance &&
             IsNvidiaMinorOfParent(gpu, name.number, gpus);
    case Kind::kPci: {
      const auto address = ParsePciAddress(gpu.pci_bus_id);
      return !gpu.mig && address && address == ParsePciAddress(name.text);
    }
    case Kind::kDrmCard:
      return !gpu.mig && gpu.drm_card == name.number;
    case Kind::kOpaque:
      return false;
  }
  return false;
}

}  // namespace

std::optional<DeviceName> NameOf(const model::PluginDevice& device) {
  // By the id first: an administrator may rename NVIDIA's resources.
  if (auto name = NvidiaName(device.id)) return name;
  const std::string_view id = device.id;
  if (IsNvidiaGpuResource(device.resource)) {
    const std::string_view gpu = id.substr(0, id.find("::"));
    if (gpu.substr(0, 4) == "GPU-" || gpu.substr(0, 4) == "MIG-") {
      return DeviceName{.kind = Kind::kUuid, .text = std::string(gpu)};
    }
    return Opaque(gpu);
  }
  if (IsAmdGpuResource(device.resource)) return AmdName(id);
  if (IsIntelGpuResource(device.resource)) return IntelName(id);
  return std::nullopt;
}

std::optional<DeviceName> NameOf(const model::DraDevice& device) {
  if (device.driver == "gpu.nvidia.com") {
    std::string_view number = device.device;
    if (Cut(number, "gpu-")) {
      if (const auto minor = ParseNumber(number)) {
        return DeviceName{.kind = Kind::kMinor, .number = *minor};
      }
    }
    return Opaque(device.Text());
  }
  if (device.driver.find("gpu") != std::string::npos) return Opaque(device.Text());
  return std::nullopt;
}

std::optional<size_t> Find(const DeviceName& name,
                           const std::vector<const model::GpuIdentity*>& gpus) {
  std::optional<size_t> found;
  for (size_t i = 0; i < gpus.size(); ++i) {
    if (!Means(name, *gpus[i], gpus)) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

}  // namespace kgs::attribution
