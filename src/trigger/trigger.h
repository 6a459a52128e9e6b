// SPDX-License-Identifier: Apache-2.0
//
// What a KEDA trigger's metadata asks for. Pure: no clock, no device, no cluster.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/aggregation.h"
#include "model/metric_id.h"

namespace kgs::trigger {

inline constexpr int kAllGpus = -1;

struct TriggerSpec {
  /// Empty without a profile.
  std::string profile;
  /// Towards the HPA.
  std::string metric_name;
  model::MetricId metric = model::MetricId::kGpuUtilization;
  /// In the metric's unit; finite, at least 0.001, rounded to 3 decimals as KEDA sends it.
  double target = 0;
  /// Active means value > activation_threshold.
  double activation_threshold = 0;
  /// The driver's index, or kAllGpus.
  int gpu_index = kAllGpus;
  catalogue::Aggregation aggregation = catalogue::Aggregation::kMax;
  /// How often StreamIsActive repeats an unchanged state.
  std::chrono::seconds poll_interval{10};
  /// Profile training: IsActive is true whatever the reading.
  bool always_active = false;
};

enum class UnknownKeys { kRefuse, kWarn };

/// Sent by KEDA with every request: scalerMetadata.
using Metadata = std::map<std::string, std::string>;

struct ParsedTrigger {
  TriggerSpec spec;
  /// Unknown keys under UnknownKeys::kWarn, each said in full.
  std::vector<std::string> warnings;
};

/// INVALID_ARGUMENT under 512 bytes names each wrong key, its value and what is accepted. The value
/// of a key that ends in FromEnv never appears.
absl::StatusOr<ParsedTrigger> ParseTrigger(const Metadata& metadata, UnknownKeys unknown_keys);

/// Every key that ParseTrigger reads, KEDA's own excluded: for docs/configuration.md and its test.
std::vector<std::string_view> MetadataKeys();

}  // namespace kgs::trigger
