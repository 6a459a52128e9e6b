// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "gpu/backend.h"
#include "gpu/call_mark.h"

namespace kgs::gpu::rocm {

/// A GPU that the compute driver knows and the library does not list, read from the files that the
/// library reads. Releases before 5.7 leave the last cards out where the numbers of the cards have
/// a gap: a single GPU that is card1, say.
class SysfsDevice final : public Device {
 public:
  /// \p folder: the GPU's in sysfs.
  explicit SysfsDevice(std::string folder) : folder_(std::move(folder)) {}

  DeviceSample Read(const base::Clock& clock) override;
  const char* current_call() const override { return mark_.current(); }

 private:
  const std::string folder_;
  CallMark mark_;
};

}  // namespace kgs::gpu::rocm
