// SPDX-License-Identifier: Apache-2.0
//
// Ready-made triggers: metric, target and activation for a kind of workload.
#pragma once

#include <span>
#include <string_view>

#include "model/metric_id.h"

namespace kgs::catalogue {

struct Profile {
  /// As metadata key profile: "vllm-inference".
  std::string_view name;
  model::MetricId metric;
  double target;
  double activation_threshold;
  /// The metric's name towards the HPA: "keda_gpu_vllm_inference".
  std::string_view metric_name;
  /// Never scaled to zero, whatever the reading.
  bool always_active;
};

std::span<const Profile> Profiles();
/// Nullptr where there is none of that name.
const Profile* FindProfile(std::string_view name);

/// What holds without a profile; its name is empty.
const Profile& DefaultProfile();

}  // namespace kgs::catalogue
