// SPDX-License-Identifier: Apache-2.0
#include "catalogue/profiles.h"

namespace kgs::catalogue {
namespace {

using model::MetricId;

constexpr Profile kDefault = {"", MetricId::kGpuUtilization, 80, 0, "keda_gpu_metric", false};

// Name, metric, target, activation threshold, metric name towards the HPA, always active.
constexpr Profile kProfiles[] = {
    {"vllm-inference", MetricId::kMemoryUsedPercent, 80, 5, "keda_gpu_vllm_inference", false},
    {"triton-inference", MetricId::kGpuUtilization, 75, 10, "keda_gpu_triton_inference", false},
    {"training", MetricId::kGpuUtilization, 90, 0, "keda_gpu_training", true},
    {"batch", MetricId::kMemoryUsedPercent, 70, 1, "keda_gpu_batch", false},
    {"ollama", MetricId::kMemoryUsedPercent, 70, 3, "keda_gpu_ollama", false},
    {"tgi-inference", MetricId::kMemoryUsedPercent, 75, 5, "keda_gpu_tgi_inference", false},
};

}  // namespace

std::span<const Profile> Profiles() { return kProfiles; }

const Profile* FindProfile(std::string_view name) {
  for (const Profile& profile : kProfiles) {
    if (profile.name == name) return &profile;
  }
  return nullptr;
}

const Profile& DefaultProfile() { return kDefault; }

}  // namespace kgs::catalogue
