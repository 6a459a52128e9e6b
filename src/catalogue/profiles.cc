// SPDX-License-Identifier: Apache-2.0
#include "catalogue/profiles.h"

namespace kgs::catalogue {
namespace {

constexpr Profile kDefault = {"", "gpu_utilization", 80, 0, "keda_gpu_metric", false};

// Name, metric, target, activation threshold, metric name towards the HPA, always active; then what
// an engine's own metric stands in for, and a second number.
constexpr Profile kProfiles[] = {
    {"vllm-inference", "memory_used_percent", 80, 5, "keda_gpu_vllm_inference", false,
     "vllm_kv_cache_usage"},
    {"triton-inference", "gpu_utilization", 75, 10, "keda_gpu_triton_inference", false},
    {"training", "gpu_utilization", 90, 0, "keda_gpu_training", true},
    {"distributed-training", "nvlink_tx_mbps", 50000, 5000, "keda_gpu_distributed_training", false},
    {"batch", "memory_used_percent", 70, 1, "keda_gpu_batch", false},
    {"ollama", "memory_used_percent", 70, 3, "keda_gpu_ollama", false},
    {"tgi-inference", "memory_used_percent", 75, 5, "keda_gpu_tgi_inference", false},
    {"vllm-queue-depth", "vllm_queue_depth", 5, 0, "keda_gpu_vllm_queue_depth", false},
    {"vllm-kv-cache", "vllm_kv_cache_usage", 80, 0, "keda_gpu_vllm_kv_cache", false},
    {"triton-queue-wait", "triton_queue_wait_ms", 50, 5, "keda_gpu_triton_queue_wait", false},
    {"triton-request-rate", "triton_request_rate", 50, 1, "keda_gpu_triton_request_rate", false},
    {"sglang", "sglang_queue_depth", 5, 0, "keda_gpu_sglang", false},
    {"tgi-queue", "tgi_queue_depth", 4, 0, "keda_gpu_tgi_queue", false},
    // A cache that is full at rest must not keep the workload up: what is above 100 % never is.
    {"llm",
     "<engine>_demand",
     16,
     0,
     "keda_gpu_llm",
     false,
     "",
     {"<engine>_kv_cache_usage", 80, 100, "-demand", "-kv-cache"}},
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
