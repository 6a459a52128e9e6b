// SPDX-License-Identifier: Apache-2.0
#include "catalogue/profiles.h"

#include <gtest/gtest.h>

namespace kgs::catalogue {
namespace {

void ExpectSame(const Profile& profile, const Profile& expected) {
  EXPECT_EQ(profile.name, expected.name);
  EXPECT_EQ(profile.metric, expected.metric) << expected.name;
  EXPECT_EQ(profile.target, expected.target) << expected.name;
  EXPECT_EQ(profile.activation_threshold, expected.activation_threshold) << expected.name;
  EXPECT_EQ(profile.metric_name, expected.metric_name);
  EXPECT_EQ(profile.always_active, expected.always_active) << expected.name;
  EXPECT_EQ(profile.instead, expected.instead) << expected.name;
  EXPECT_EQ(profile.second.metric, expected.second.metric) << expected.name;
  EXPECT_EQ(profile.second.target, expected.second.target) << expected.name;
  EXPECT_EQ(profile.second.activation_threshold, expected.second.activation_threshold);
  EXPECT_EQ(profile.second.first_suffix, expected.second.first_suffix) << expected.name;
  EXPECT_EQ(profile.second.suffix, expected.second.suffix) << expected.name;
}

TEST(ProfilesTest, EveryProfileIsAsPublished) {
  // Profiles are API: a changed number here changes the size of somebody's fleet.
  constexpr Profile kPublished[] = {
      {"vllm-inference", "memory_used_percent", 80, 5, "keda_gpu_vllm_inference", false,
       "vllm_kv_cache_usage"},
      {"triton-inference", "gpu_utilization", 75, 10, "keda_gpu_triton_inference", false},
      {"training", "gpu_utilization", 90, 0, "keda_gpu_training", true},
      {"distributed-training", "nvlink_tx_mbps", 50000, 5000, "keda_gpu_distributed_training",
       false},
      {"batch", "memory_used_percent", 70, 1, "keda_gpu_batch", false},
      {"ollama", "memory_used_percent", 70, 3, "keda_gpu_ollama", false},
      {"tgi-inference", "memory_used_percent", 75, 5, "keda_gpu_tgi_inference", false},
      {"vllm-queue-depth", "vllm_queue_depth", 5, 0, "keda_gpu_vllm_queue_depth", false},
      {"vllm-kv-cache", "vllm_kv_cache_usage", 80, 0, "keda_gpu_vllm_kv_cache", false},
      {"triton-queue-wait", "triton_queue_wait_ms", 50, 5, "keda_gpu_triton_queue_wait", false},
      {"triton-request-rate", "triton_request_rate", 50, 1, "keda_gpu_triton_request_rate", false},
      {"sglang", "sglang_queue_depth", 5, 0, "keda_gpu_sglang", false},
      {"tgi-queue", "tgi_queue_depth", 4, 0, "keda_gpu_tgi_queue", false},
      {"llm",
       "<engine>_demand",
       16,
       0,
       "keda_gpu_llm",
       false,
       "",
       {"<engine>_kv_cache_usage", 80, 100, "-demand", "-kv-cache"}},
  };
  ASSERT_EQ(Profiles().size(), std::size(kPublished));
  for (size_t i = 0; i < std::size(kPublished); ++i) {
    ExpectSame(Profiles()[i], kPublished[i]);
    EXPECT_EQ(FindProfile(kPublished[i].name), &Profiles()[i]);
  }
}

TEST(ProfilesTest, DefaultIsAsPublished) {
  ExpectSame(DefaultProfile(), {"", "gpu_utilization", 80, 0, "keda_gpu_metric", false});
}

TEST(ProfilesTest, UnknownNamesAreNotFound) {
  for (const std::string_view name : {"", "vllm", "Training", "training "}) {
    EXPECT_EQ(FindProfile(name), nullptr) << name;
  }
}

}  // namespace
}  // namespace kgs::catalogue
