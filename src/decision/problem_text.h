// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/node_snapshot.h"
#include "trigger/trigger.h"

namespace kgs::decision {

/// The gRPC status message stays under 512 bytes: KEDA makes a Kubernetes event of it.
inline constexpr size_t kLongestMessage = 480;

/// "GPU 3 (GPU-...)".
std::string NameOf(const model::GpuSnapshot& gpu);

/// "GPU 3 (GPU-...) is lost: ..."; of a GPU that is not present.
std::string StateText(const model::GpuSnapshot& gpu);

/// "gpuIndex 2"; without the number where it came from the environment.
std::string GpuIndexText(const trigger::TriggerSpec& spec);

/// Why \p reading of \p gpu cannot be served.
std::string WhyNotFresh(const model::GpuSnapshot& gpu, const model::Reading& reading);

/// A few of \p problems and how many more there are, within kLongestMessage.
std::string Summary(std::string_view intro, const std::vector<std::string>& problems);

}  // namespace kgs::decision
