// SPDX-License-Identifier: Apache-2.0
//
// What a KEDA trigger's metadata asks for. Pure: no clock, no device, no cluster.
//
// Keys are exact in case and are listed in keys.cc; docs/configuration.md describes them. They go
// together so, and what would have to be guessed is refused:
// - An explicit key overrides a shorthand (targetGpuUtilization, targetMemoryUtilization: metric
//   and target at once), which overrides the profile, which overrides the defaults. A shorthand
//   beside another, beside a different metricType or beside a different targetValue is refused.
// - A target and an activation threshold above 0 that come with the profile, or without one by
//   default, are in the unit of the metric that comes with them: a metricType of another unit needs
//   its own. A threshold of 0 means any reading above 0 in all units.
// - A key given as <key>FromEnv is the key itself, except that its value is never shown. Both forms
//   at once are refused.
// - node needs scope node, and gpuIndex has no meaning in scope cluster. What only a workload has
//   (podAggregation, replicaLabel, ...) has no effect in the other scopes, which a warning says.
// - The metric of an engine is read from the pods of a workload: no other scope, no gpuIndex, and
//   aggregation has no effect. engine, enginePort, enginePath and engineScrapeInterval need one,
//   the keys of a series (seriesName, ...) need metricType prometheus, which needs seriesName and a
//   port: enginePort, or that of engine. Profile llm needs engine, and has its metrics.
// - engineEndpoint is where the metric of an engine is read for the workload as a whole, instead of
//   at each pod: it has port and path, so enginePort and enginePath are refused beside it. A URL
//   without a path means the engine's own. vllmEndpoint is engineEndpoint and engine vllm at once,
//   tritonEndpoint the same of triton. endpointAuth needs one of them, or wakeEndpoint.
// - wakeEndpoint and wakeSource need each other, and the other keys of wake... need them. They are
//   of a workload. wakeSource prometheus needs wakeSeriesName, and a source that is of many
//   workloads needs wakeSeriesLabels that choose one.
// - Keys that KEDA reads itself (scalerAddress, ...) are ignored. Parameters of a
//   TriggerAuthentication (a TLS key, say) are refused whatever UnknownKeys says.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/aggregation.h"
#include "endpoint/url.h"
#include "model/engine_query.h"
#include "model/metric_id.h"
#include "model/scaled_object.h"
#include "telemetry/counters.h"
#include "trigger/words.h"

namespace kgs::trigger {

inline constexpr int kAllGpus = -1;

/// A number that is read from the engine of each pod.
struct EngineMetric {
  model::EngineQuery query;
  /// query.Key(), by which its readings are found.
  std::string key;
  /// Empty where only the user knows.
  std::string unit;
  /// Whether values of several pods add up.
  bool demand = false;

  bool operator==(const EngineMetric&) const = default;
};

/// A page that says of the workload as a whole what its pods' engines would each say of theirs.
struct EngineEndpoint {
  endpoint::Url url;
  /// Of the hub's named endpoints; empty for none.
  std::string credential;

  bool operator==(const EngineEndpoint&) const = default;
};

/// What is asked whether a workload without replicas is wanted: something that lives while no pod
/// does.
struct Wake {
  EngineEndpoint endpoint;
  /// Its interval says nothing: it depends on whether there are replicas.
  model::EngineQuery query;
  /// query.Key(), by which its readings are found.
  std::string key;
  /// The workload is wanted for so long after demand was seen; nothing for twice the object's
  /// polling interval, at least 30 s.
  std::optional<std::chrono::seconds> hold;
  /// The source's own rule, unless a key says otherwise.
  WakeAbsent absent = WakeAbsent::kUnknown;
  /// Something of it came from the environment.
  bool hidden = false;

  bool operator==(const Wake&) const = default;
};

/// One number that KEDA is answered.
struct TriggerSpec {
  /// Empty without a profile.
  std::string profile;
  /// Towards the HPA.
  std::string metric_name;
  /// Of GPUs; says nothing where engine is set.
  model::MetricId metric = model::MetricId::kGpuUtilization;
  /// The metric where it is one of engines. Of a workload only.
  std::optional<EngineMetric> engine;
  /// Of a workload: a level in the same unit that stands in for a metric of GPUs wherever a pod's
  /// engine has it.
  std::optional<EngineMetric> engine_instead;
  /// A pod whose engine has this above 0 is active as well, where it was read for engine or
  /// engine_instead.
  std::optional<EngineMetric> engine_load;
  /// Where engine and engine_load are read, by whoever answers, rather than at each pod.
  std::optional<EngineEndpoint> endpoint;
  /// Of a workload only.
  std::optional<Wake> wake;
  /// In the metric's unit; finite, at least 0.001, rounded to 3 decimals as KEDA sends it.
  double target = 0;
  /// Active means value > activation_threshold.
  double activation_threshold = 0;
  /// Of a node: the driver's index; of a workload: the place among each pod's GPUs by PCI address;
  /// or kAllGpus.
  int gpu_index = kAllGpus;
  catalogue::Aggregation aggregation = catalogue::Aggregation::kMax;
  /// How often StreamIsActive repeats an unchanged state.
  std::chrono::seconds poll_interval{10};
  /// The label whose value tells replicas of several pods apart; empty where each pod is one.
  std::string replica_label;
  /// Profile training: IsActive is true whatever the reading.
  bool always_active = false;
  /// Unset: that of a workload where access to Kubernetes is configured, else of the node.
  std::optional<Scope> scope;
  /// In scope node: which one; empty where there is but one.
  std::string node;
  PodAggregation pod_aggregation = PodAggregation::kMean;
  /// KEDA's metricType, said again for where Kubernetes cannot be asked.
  std::optional<model::HpaMetricType> hpa_metric_type;
  /// For how long after the last fresh reading the replicas are held with a number rather than with
  /// an error.
  std::chrono::seconds hold{30};
  /// A pod that was never Ready and is younger than this is still loading.
  std::chrono::seconds startup{1800};
  /// The least share of pods with a fresh reading that is believed; from 0 to 1.
  double min_coverage = 0.5;

  // What may be a secret, since it came from the environment, and is never shown.

  bool target_hidden = false;
  bool threshold_hidden = false;
  bool node_hidden = false;
  bool gpu_index_hidden = false;
  bool metric_name_hidden = false;
  /// What the engine is asked.
  bool engine_hidden = false;

  bool operator==(const TriggerSpec&) const = default;
};

// What a spec scales on, whether that is a metric of GPUs or of engines.

/// As metricType: "gpu_utilization", "vllm_demand", "prometheus".
std::string_view MetricNameOf(const TriggerSpec& spec);
/// Empty where only the user knows.
std::string_view UnitOf(const TriggerSpec& spec);
/// Whether the values of several pods add up to a meaning.
bool IsDemand(const TriggerSpec& spec);
/// Memory that is held, whether it is in use or not.
bool IsHeldMemory(const TriggerSpec& spec);

/// All that the engines of the workload's pods are asked for \p spec; none outside scope workload,
/// nor where an endpoint is.
std::vector<model::EngineQuery> EngineQueriesOf(const TriggerSpec& spec);
/// All that its endpoint is asked; none where it has none.
std::vector<model::EngineQuery> EndpointQueriesOf(const TriggerSpec& spec);

enum class UnknownKeys { kRefuse, kWarn };

/// Sent by KEDA with every request: scalerMetadata.
using Metadata = std::map<std::string, std::string>;

struct ParsedTrigger {
  /// The numbers of the trigger, of which the HPA takes the one that wants most. Never empty; one
  /// but for profile llm. Their metric names differ, also without regard to case.
  std::vector<TriggerSpec> specs{1};
  /// Unknown keys under UnknownKeys::kWarn (the first 16 in full, the rest counted) and keys that
  /// have no effect. Never a value.
  std::vector<std::string> warnings;

  /// The first, which has what was given (a target, a threshold) where there are several.
  const TriggerSpec& main() const { return specs.front(); }
};

struct ParseOptions {
  // As one is meant, nearly everywhere. NOLINTNEXTLINE(google-explicit-constructor)
  ParseOptions(UnknownKeys unknown = UnknownKeys::kRefuse) : unknown_keys(unknown) {}

  UnknownKeys unknown_keys;
  /// Keys of one trigger, and bytes of one value.
  size_t most_keys = 128;
  size_t most_value_bytes = 16384;
};

/// Which limit \p metadata is beyond.
std::optional<telemetry::Limit> BeyondLimit(const Metadata& metadata, const ParseOptions& options);

/// INVALID_ARGUMENT names each wrong key, its value and what is accepted, joined by "; " and always
/// the same for the same metadata. It is under 512 bytes: errors that do not fit are counted. The
/// value of a key that ends in FromEnv, or that is not known, never appears. RESOURCE_EXHAUSTED
/// where it is BeyondLimit.
absl::StatusOr<ParsedTrigger> ParseTrigger(const Metadata& metadata, const ParseOptions& options);

/// Every key that ParseTrigger reads, KEDA's own excluded: for docs/configuration.md and its test.
std::vector<std::string_view> MetadataKeys();

}  // namespace kgs::trigger
