// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "gpu/backend.h"

namespace kgs::gpu {

/// PCI vendor ids.
inline constexpr uint16_t kAmdVendor = 0x1002;
inline constexpr uint16_t kNvidiaVendor = 0x10de;

/// Whether the node has a display controller or a processing accelerator of \p vendor on its PCI
/// bus, by \p sysfs ("/sys"). False where sysfs does not tell.
bool HasPciGpu(const std::string& sysfs, uint16_t vendor);

/// \p backend, which marks its Open errors with kNoSuchGpuPayload where the node has no GPU of
/// \p vendor on its PCI bus: nobody misses the driver there.
std::unique_ptr<Backend> MarkingAbsence(std::unique_ptr<Backend> backend, uint16_t vendor,
                                        std::string sysfs);

}  // namespace kgs::gpu
