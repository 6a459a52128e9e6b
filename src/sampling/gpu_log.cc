// SPDX-License-Identifier: Apache-2.0
#include "sampling/gpu_log.h"

#include "base/log.h"

namespace kgs::sampling {

std::string NameOf(const model::GpuIdentity& gpu) {
  return "GPU " + std::to_string(gpu.index) + (gpu.uuid.empty() ? "" : " (" + gpu.uuid + ")");
}

void LogState(const model::GpuIdentity& gpu, model::DeviceState state, const std::string& reason) {
  if (state == model::DeviceState::kPresent) {
    return base::LogInfo("GPU is back", {{"gpu", NameOf(gpu)}});
  }
  base::LogWarn(state == model::DeviceState::kLost ? "GPU is lost" : "GPU may not be opened",
                {{"gpu", NameOf(gpu)}, {"reason", reason}});
}

}  // namespace kgs::sampling
