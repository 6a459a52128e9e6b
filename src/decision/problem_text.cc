// SPDX-License-Identifier: Apache-2.0
#include "decision/problem_text.h"

#include <algorithm>

#include "base/strings.h"

namespace kgs::decision {

using model::DeviceState;
using model::GpuSnapshot;
using model::Reading;

namespace {

constexpr size_t kMostNamedProblems = 3;

}  // namespace

std::string NameOf(const GpuSnapshot& gpu) {
  std::string name = "GPU " + std::to_string(gpu.identity.index);
  if (!gpu.identity.uuid.empty()) name += " (" + gpu.identity.uuid + ")";
  return name;
}

std::string StateText(const GpuSnapshot& gpu) {
  std::string text = NameOf(gpu);
  text += gpu.state == DeviceState::kLost ? " is lost" : " may not be opened by this process";
  return gpu.state_reason.empty() ? text : text + ": " + gpu.state_reason;
}

std::string GpuIndexText(const trigger::TriggerSpec& spec) {
  return spec.gpu_index_hidden ? "gpuIndex" : "gpuIndex " + std::to_string(spec.gpu_index);
}

std::string WhyNotFresh(const GpuSnapshot& gpu, const Reading& reading) {
  if (!gpu.hung_call.empty()) return gpu.hung_call + " has not returned";
  if (!reading.detail().empty()) return reading.detail();
  if (reading.has_value()) return "the last reading is stale";
  return "not sampled yet";
}

std::string Summary(std::string_view intro, const std::vector<std::string>& problems) {
  std::string text(intro);
  const size_t named = std::min(problems.size(), kMostNamedProblems);
  for (size_t i = 0; i < named; ++i) text += (i == 0 ? ": " : "; ") + problems[i];
  if (problems.size() > named) {
    text += "; and " + std::to_string(problems.size() - named) + " more";
  }
  return base::Truncate(base::OneLine(text), kLongestMessage);
}

}  // namespace kgs::decision
