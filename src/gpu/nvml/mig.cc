// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/mig.h"

#include <algorithm>
#include <array>

#include "gpu/nvml/identity.h"
#include "gpu/nvml/status.h"

namespace kgs::gpu::nvml {
namespace {

/// Seven are known.
constexpr unsigned int kMostMigDevices = 64;
constexpr unsigned long long kMibPerGib = 1024;

/// "1g.5gb" from "NVIDIA A100-SXM4-40GB MIG 1g.5gb".
std::string ProfileIn(const std::string& name) {
  constexpr std::string_view kBefore = "MIG ";
  const size_t at = name.rfind(kBefore);
  return at == std::string::npos ? "" : name.substr(at + kBefore.size());
}

/// As NVIDIA names profiles: "2g.10gb", or "1c.2g.10gb" for a part of the instance's slices.
std::string ProfileOf(const abi::DeviceAttributes& attributes) {
  std::string profile;
  if (attributes.compute_instance_slices != attributes.gpu_instance_slices) {
    profile = std::to_string(attributes.compute_instance_slices) + "c.";
  }
  return profile + std::to_string(attributes.gpu_instance_slices) + "g." +
         std::to_string((attributes.memory_mib + kMibPerGib - 1) / kMibPerGib) + "gb";
}

/// Whether a slot that answers \p code has no MIG device that we can read. Any other failure says
/// nothing: a device that is left out for it would seem to have been taken apart. So would one that
/// \p was_ours and is refused now.
bool IsHole(abi::Return code, bool was_ours) {
  return code == abi::kNotFound || code == abi::kInvalidArgument ||
         (EffectOf(code) == Effect::kNotPermitted && !was_ours);
}

int InstanceId(CallMark& mark, const Symbol<abi::nvmlDeviceGetGpuInstanceId>& symbol,
               abi::Device handle) {
  unsigned int id = 0;
  return Invoke(mark, symbol, handle, &id) == abi::kSuccess ? static_cast<int>(id) : -1;
}

}  // namespace

bool MigSight::StillHolds(const MigSight& now) const {
  if (!now.known) return true;
  const auto same = [](int was, int is) { return is < 0 || is == was; };
  return known && enabled == now.enabled &&
         std::equal(devices.begin(), devices.end(), now.devices.begin(), now.devices.end(),
                    [&](const Seen& was, const Seen& is) {
                      return was.uuid == is.uuid && same(was.gpu_instance, is.gpu_instance) &&
                             same(was.compute_instance, is.compute_instance);
                    });
}

MigSight LookAtMig(const Library& library, CallMark& mark, abi::Device gpu,
                   const std::set<unsigned int>& ours) {
  const MigSight unknown{.known = false, .devices = {}, .ours = ours};
  MigSight sight;
  unsigned int current = 0;
  unsigned int pending = 0;
  const abi::Return mode = Invoke(mark, library.mig_mode, gpu, &current, &pending);
  if (EffectOf(mode) == Effect::kCallNeverWorks)
    return {.possible = false, .devices = {}, .ours = {}};
  if (mode != abi::kSuccess) return unknown;
  sight.enabled = current == abi::kMigEnabled;
  if (!sight.enabled) return sight;
  unsigned int count = 0;
  if (Invoke(mark, library.mig_device_count, gpu, &count) != abi::kSuccess) return unknown;
  for (unsigned int index = 0; index < std::min(count, kMostMigDevices); ++index) {
    MigSight::Seen seen;
    const abi::Return code = Invoke(mark, library.mig_device_by_index, gpu, index, &seen.handle);
    // Not Found, or from some drivers Invalid Argument, is a place without a MIG device: there may
    // be one after it.
    if (IsHole(code, ours.contains(index))) continue;
    if (code != abi::kSuccess) return unknown;
    const abi::Return named = ReadUuid(library, mark, seen.handle, seen.uuid);
    // Gone between the two calls, or not ours to see.
    if (IsHole(named, ours.contains(index))) continue;
    if (named != abi::kSuccess) return unknown;
    seen.gpu_instance = InstanceId(mark, library.gpu_instance_id, seen.handle);
    seen.compute_instance = InstanceId(mark, library.compute_instance_id, seen.handle);
    sight.devices.push_back(std::move(seen));
    sight.ours.insert(index);
  }
  return sight;
}

model::GpuIdentity IdentifyMig(const Library& library, CallMark& mark, const MigSight::Seen& seen,
                               const model::GpuIdentity& gpu) {
  model::GpuIdentity identity = gpu;
  identity.uuid = seen.uuid;
  identity.name.clear();
  std::array<char, abi::kNameSize> name{};
  if (Invoke(mark, library.name, seen.handle, name.data(), abi::kNameSize) == abi::kSuccess) {
    identity.name = TextIn(name.data(), name.size());
  }
  model::MigPlace place{gpu.uuid, seen.gpu_instance, seen.compute_instance,
                        ProfileIn(identity.name)};
  if (place.profile.empty()) {
    abi::DeviceAttributes attributes{};
    if (Invoke(mark, library.attributes, seen.handle, &attributes) == abi::kSuccess) {
      place.profile = ProfileOf(attributes);
    }
  }
  identity.mig = std::move(place);
  return identity;
}

}  // namespace kgs::gpu::nvml
