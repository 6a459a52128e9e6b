// SPDX-License-Identifier: Apache-2.0
//
// Ready-made triggers: metric, target and activation for a kind of workload.
#pragma once

#include <span>
#include <string_view>

namespace kgs::catalogue {

/// Stands in a profile's metric for the name of the engine that the trigger gives.
inline constexpr std::string_view kAnyEngine = "<engine>";

/// A number beside the first, of which the HPA takes the one that wants more replicas.
struct SecondMetric {
  /// As metricType; left out where the engine has none such. Empty where there is no second.
  std::string_view metric;
  double target;
  double activation_threshold;
  /// What the names towards the HPA end in: that of the first and that of this.
  std::string_view first_suffix;
  std::string_view suffix;
};

struct Profile {
  /// As metadata key profile: "vllm-inference".
  std::string_view name;
  /// As metricType: "gpu_utilization", "vllm_queue_depth", "<engine>_demand".
  std::string_view metric;
  double target;
  double activation_threshold;
  /// The metric's name towards the HPA: "keda_gpu_vllm_inference".
  std::string_view metric_name;
  /// Never scaled to zero, whatever the reading.
  bool always_active;
  /// As metricType: the engine's metric that stands in for this one wherever a pod has it; empty
  /// for none.
  std::string_view instead = {};
  SecondMetric second = {};
};

std::span<const Profile> Profiles();
/// Nullptr where there is none of that name.
const Profile* FindProfile(std::string_view name);

/// What holds without a profile; its name is empty.
const Profile& DefaultProfile();

}  // namespace kgs::catalogue
