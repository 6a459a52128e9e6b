// SPDX-License-Identifier: Apache-2.0
//
// Trigger metadata after each key was read on its own and before the keys are put together.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "catalogue/aggregation.h"
#include "catalogue/profiles.h"
#include "endpoint/url.h"
#include "engine/dialect.h"
#include "trigger/metric.h"
#include "trigger/words.h"

namespace kgs::trigger {

/// Ends a key whose value KEDA takes from the environment of the scaled container.
inline constexpr std::string_view kFromEnv = "FromEnv";

/// One key of the metadata as it was given. Views into the Metadata.
struct Entry {
  /// As written, FromEnv included.
  std::string_view key;
  std::string_view value;
  /// The value may be a secret: it is never shown, nor anything that depends on it.
  bool from_env = false;
  /// The value is a URL, whose query and user information are never shown.
  bool is_url = false;

  /// Key and value for a message: targetValue "80".
  std::string Say() const;
};

/// What is known of one key.
template <typename T>
struct Setting {
  /// Whether the key was given, with an accepted value or not.
  bool given = false;
  /// Set where it was given.
  Entry entry;
  /// Set where its value is accepted.
  std::optional<T> value;
};

/// One member a row of Keys().
struct Settings {
  Setting<const catalogue::Profile*> profile;
  Setting<std::string> metric_name;
  Setting<Metric> metric_type;
  Setting<double> target_value;
  Setting<double> target_gpu_utilization;
  Setting<double> target_memory_utilization;
  Setting<double> activation_threshold;
  Setting<int> gpu_index;
  Setting<catalogue::Aggregation> aggregation;
  Setting<int> poll_interval_seconds;
  Setting<std::string> replica_label;
  Setting<Scope> scope;
  Setting<std::string> node;
  Setting<PodAggregation> pod_aggregation;
  Setting<model::HpaMetricType> hpa_metric_type;
  Setting<int> hold_seconds;
  Setting<int> startup_seconds;
  Setting<double> min_coverage;
  Setting<const engine::Dialect*> engine;
  Setting<int> engine_port;
  Setting<std::string> engine_path;
  Setting<std::chrono::milliseconds> engine_scrape_interval;
  /// One of these three at most.
  Setting<endpoint::Url> engine_endpoint;
  Setting<endpoint::Url> vllm_endpoint;
  Setting<endpoint::Url> triton_endpoint;
  Setting<std::string> endpoint_auth;
  Setting<endpoint::Url> wake_endpoint;
  /// As engine::FindWakeSource has it, or kPrometheus.
  Setting<std::string> wake_source;
  Setting<std::string> wake_auth;
  Setting<std::string> wake_series_name;
  /// This and the kind are kept as written.
  Setting<std::string> wake_series_labels;
  Setting<std::string> wake_series_kind;
  Setting<int> wake_hold_seconds;
  Setting<WakeAbsent> wake_absent;
  Setting<std::string> series_name;
  /// This and the words below are kept as written.
  Setting<std::string> series_labels;
  Setting<std::string> series_kind;
  Setting<std::string> series_combine;
  Setting<std::string> series_absent;
};

}  // namespace kgs::trigger
