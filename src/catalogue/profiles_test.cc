// SPDX-License-Identifier: Apache-2.0
#include "catalogue/profiles.h"

#include <gtest/gtest.h>

namespace kgs::catalogue {
namespace {

using model::MetricId;

void ExpectSame(const Profile& profile, const Profile& expected) {
  EXPECT_EQ(profile.name, expected.name);
  EXPECT_EQ(profile.metric, expected.metric) << expected.name;
  EXPECT_EQ(profile.target, expected.target) << expected.name;
  EXPECT_EQ(profile.activation_threshold, expected.activation_threshold) << expected.name;
  EXPECT_EQ(profile.metric_name, expected.metric_name);
  EXPECT_EQ(profile.always_active, expected.always_active) << expected.name;
}

TEST(ProfilesTest, EveryProfileIsAsPublished) {
  // Profiles are API: a changed number here changes the size of somebody's fleet.
  constexpr Profile kPublished[] = {
      {"vllm-inference", MetricId::kMemoryUsedPercent, 80, 5, "keda_gpu_vllm_inference", false},
      {"triton-inference", MetricId::kGpuUtilization, 75, 10, "keda_gpu_triton_inference", false},
      {"training", MetricId::kGpuUtilization, 90, 0, "keda_gpu_training", true},
      {"batch", MetricId::kMemoryUsedPercent, 70, 1, "keda_gpu_batch", false},
      {"ollama", MetricId::kMemoryUsedPercent, 70, 3, "keda_gpu_ollama", false},
      {"tgi-inference", MetricId::kMemoryUsedPercent, 75, 5, "keda_gpu_tgi_inference", false},
  };
  ASSERT_EQ(Profiles().size(), std::size(kPublished));
  for (size_t i = 0; i < std::size(kPublished); ++i) {
    ExpectSame(Profiles()[i], kPublished[i]);
    EXPECT_EQ(FindProfile(kPublished[i].name), &Profiles()[i]);
  }
}

TEST(ProfilesTest, DefaultIsAsPublished) {
  ExpectSame(DefaultProfile(), {"", MetricId::kGpuUtilization, 80, 0, "keda_gpu_metric", false});
}

TEST(ProfilesTest, UnknownNamesAreNotFound) {
  for (const std::string_view name : {"", "vllm", "Training", "training "}) {
    EXPECT_EQ(FindProfile(name), nullptr) << name;
  }
}

}  // namespace
}  // namespace kgs::catalogue
