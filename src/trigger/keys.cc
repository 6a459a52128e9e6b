// SPDX-License-Identifier: Apache-2.0
#include "trigger/keys.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include "base/strings.h"
#include "endpoint/url.h"
#include "engine/series_selector.h"
#include "trigger/engine_values.h"

namespace kgs::trigger {
namespace {

using catalogue::Profile;

// What each value is read as: the value, or nothing where it is not accepted.

std::optional<const Profile*> ReadProfile(std::string_view text) {
  const Profile* profile = catalogue::FindProfile(text);
  return profile == nullptr ? std::nullopt : std::optional(profile);
}

bool IsMetricNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == ':';
}

// KEDA puts the name into the path of a URL without escaping it.
std::optional<std::string> ReadMetricName(std::string_view text) {
  constexpr size_t kLongest = 128;
  if (text.empty() || text.size() > kLongest || text == "." || text == "..") return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), IsMetricNameCharacter)) return std::nullopt;
  return std::string(text);
}

bool IsLabelEdge(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// As Kubernetes accepts the key of a label.
std::optional<std::string> ReadLabel(std::string_view text) {
  constexpr size_t kLongestName = 63;
  constexpr size_t kLongestDomain = 253;
  const size_t slash = text.find('/');
  const bool has_domain = slash != std::string_view::npos;
  const std::string_view domain = has_domain ? text.substr(0, slash) : "a";
  const std::string_view name = has_domain ? text.substr(slash + 1) : text;
  for (const auto& [part, longest] : {std::pair(domain, kLongestDomain), {name, kLongestName}}) {
    if (part.empty() || part.size() > longest) return std::nullopt;
    if (!IsLabelEdge(part.front()) || !IsLabelEdge(part.back())) return std::nullopt;
    if (!std::all_of(part.begin(), part.end(),
                     [](char c) { return IsMetricNameCharacter(c) && c != ':'; })) {
      return std::nullopt;
    }
  }
  return std::string(text);
}

bool IsNodeNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

// As Kubernetes accepts the name of a node.
std::optional<std::string> ReadNode(std::string_view text) {
  constexpr size_t kLongest = 253;
  if (text.empty() || text.size() > kLongest) return std::nullopt;
  if (!IsLabelEdge(text.front()) || !IsLabelEdge(text.back())) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), IsNodeNameCharacter)) return std::nullopt;
  return std::string(text);
}

constexpr double kSmallestTarget = 0.001;
constexpr double kLargestNumber = 1e12;

// KEDA sends targets to the HPA with three decimals; what they would cut off is cut off here, so
// that values and target are compared by the same number everywhere.
std::optional<double> ReadTarget(std::string_view text) {
  const auto number = base::ParseDouble(text);
  // False for NaN as well.
  if (!number || !(*number >= kSmallestTarget && *number <= kLargestNumber)) return std::nullopt;
  return std::round(*number * 1000) / 1000;
}

std::optional<double> ReadThreshold(std::string_view text) {
  const auto number = base::ParseDouble(text);
  if (!number || !(*number >= 0 && *number <= kLargestNumber)) return std::nullopt;
  return *number + 0.0;  // No negative zero.
}

std::optional<double> ReadShare(std::string_view text) {
  const auto number = base::ParseDouble(text);
  if (!number || !(*number >= 0 && *number <= 1)) return std::nullopt;
  return *number + 0.0;
}

template <int kLeast, int kMost>
std::optional<int> ReadInteger(std::string_view text) {
  const auto number = base::ParseInteger(text);
  if (!number || *number < kLeast || *number > kMost) return std::nullopt;
  return static_cast<int>(*number);
}

template <auto kFind>
std::optional<std::string> ReadWord(std::string_view text) {
  return kFind(text) ? std::optional<std::string>(text) : std::nullopt;
}

// How the accepted values are said.

std::vector<std::string_view> ProfileNames() {
  std::vector<std::string_view> names;
  for (const Profile& profile : catalogue::Profiles()) names.push_back(profile.name);
  return names;
}

std::vector<std::string_view> DeviceMetricNames() {
  std::vector<std::string_view> names;
  for (const catalogue::Metric& metric : catalogue::Metrics()) {
    if (metric.scalable) names.push_back(metric.name);
  }
  return names;
}

template <std::vector<std::string_view> (*kNames)()>
std::string OneOf() {
  std::string text = "one of ";
  bool first = true;
  for (const std::string_view name : kNames()) {
    if (!first) text += ", ";
    text += name;
    first = false;
  }
  return text;
}

// The metrics of engines are too many for an error.
std::string MetricTypeText() {
  return OneOf<DeviceMetricNames>() +
         ", the metric of an engine such as vllm_demand (docs/engines.md), or prometheus";
}
std::string MetricNameText() {
  return "1 to 128 letters, digits, '-', '_', '.' or ':', and not '.' or '..'";
}
std::string TargetText() { return "a number from 0.001 to 1e12"; }
std::string LabelText() {
  return "a label's key such as \"example.com/replica\": at most 63 letters, digits, '-', '_' or "
         "'.', with an optional domain and '/' before them";
}
std::string ThresholdText() { return "a number from 0 to 1e12"; }
std::string ShareText() { return "a number from 0 to 1"; }
std::string NodeText() {
  return "a node's name: at most 253 lower-case letters, digits, '-' or '.'";
}

template <int kLeast, int kMost>
std::string IntegerText() {
  return "an integer from " + std::to_string(kLeast) + " to " + std::to_string(kMost);
}

// Hints.

std::string NoHint(std::string_view) { return ""; }

template <std::vector<std::string_view> (*kNames)()>
std::string NearestOf(std::string_view value) {
  const std::string nearest = base::NearestWord(value, kNames());
  return nearest.empty() ? "" : "did you mean \"" + nearest + "\"?";
}

std::string MetricTypeHint(std::string_view value) {
  if (value == "AverageValue" || value == "Value" || value == "Utilization") {
    return "KEDA's metricType stands beside metadata, not in it";
  }
  return NearestOf<MetricTypeNames>(value);
}

// The table.

template <auto kMember, auto kRead>
bool Read(const Entry& entry, Settings& settings) {
  auto& setting = settings.*kMember;
  setting.given = true;
  setting.entry = entry;
  setting.value = kRead(entry.value);
  return setting.value.has_value();
}

using S = Settings;

constexpr Key kKeys[] = {
    {"profile", OneOf<ProfileNames>, Read<&S::profile, ReadProfile>, NearestOf<ProfileNames>},
    {"metricName", MetricNameText, Read<&S::metric_name, ReadMetricName>, NoHint},
    {"metricType", MetricTypeText, Read<&S::metric_type, FindMetric>, MetricTypeHint},
    {"targetValue", TargetText, Read<&S::target_value, ReadTarget>, NoHint},
    {"targetGpuUtilization", TargetText, Read<&S::target_gpu_utilization, ReadTarget>, NoHint},
    {"targetMemoryUtilization", TargetText, Read<&S::target_memory_utilization, ReadTarget>,
     NoHint},
    {"activationThreshold", ThresholdText, Read<&S::activation_threshold, ReadThreshold>, NoHint},
    {"gpuIndex", IntegerText<-1, 1023>, Read<&S::gpu_index, ReadInteger<-1, 1023>>, NoHint},
    {"aggregation", OneOf<catalogue::AggregationNames>,
     Read<&S::aggregation, catalogue::FindAggregation>, NearestOf<catalogue::AggregationNames>},
    {"pollIntervalSeconds", IntegerText<1, 86400>,
     Read<&S::poll_interval_seconds, ReadInteger<1, 86400>>, NoHint},
    {"replicaLabel", LabelText, Read<&S::replica_label, ReadLabel>, NoHint},
    {"scope", OneOf<ScopeNames>, Read<&S::scope, FindScope>, NearestOf<ScopeNames>},
    {"node", NodeText, Read<&S::node, ReadNode>, NoHint},
    {"podAggregation", OneOf<PodAggregationNames>, Read<&S::pod_aggregation, FindPodAggregation>,
     NearestOf<PodAggregationNames>},
    {"hpaMetricType", OneOf<HpaMetricTypeNames>, Read<&S::hpa_metric_type, FindHpaMetricType>,
     NearestOf<HpaMetricTypeNames>},
    {"holdSeconds", IntegerText<0, 3600>, Read<&S::hold_seconds, ReadInteger<0, 3600>>, NoHint},
    {"startupSeconds", IntegerText<1, 86400>, Read<&S::startup_seconds, ReadInteger<1, 86400>>,
     NoHint},
    {"minCoverage", ShareText, Read<&S::min_coverage, ReadShare>, NoHint},
    {"engine", OneOf<EngineNames>, Read<&S::engine, ReadEngine>, NearestOf<EngineNames>},
    {"enginePort", IntegerText<1, 65535>, Read<&S::engine_port, ReadInteger<1, 65535>>, NoHint},
    {"enginePath", EnginePathText, Read<&S::engine_path, ReadEnginePath>, NoHint},
    {"engineScrapeInterval", ScrapeIntervalText,
     Read<&S::engine_scrape_interval, ReadScrapeInterval>, NoHint},
    {"seriesName", SeriesNameText, Read<&S::series_name, ReadSeriesName>, NoHint},
    {"seriesLabels", SeriesLabelsText, Read<&S::series_labels, ReadSeriesLabels>, SeriesLabelsHint},
    {"seriesKind", OneOf<engine::SeriesKindWords>,
     Read<&S::series_kind, ReadWord<engine::FindSeriesKind>>, NearestOf<engine::SeriesKindWords>},
    {"seriesCombine", OneOf<engine::SeriesCombineWords>,
     Read<&S::series_combine, ReadWord<engine::FindSeriesCombine>>,
     NearestOf<engine::SeriesCombineWords>},
    {"seriesAbsent", OneOf<engine::SeriesAbsentWords>,
     Read<&S::series_absent, ReadWord<engine::FindSeriesAbsent>>,
     NearestOf<engine::SeriesAbsentWords>},
    {"engineEndpoint", EndpointText, Read<&S::engine_endpoint, ReadEndpoint>, EndpointHint, true},
    {"vllmEndpoint", EndpointText, Read<&S::vllm_endpoint, ReadEndpoint>, EndpointHint, true},
    {"tritonEndpoint", EndpointText, Read<&S::triton_endpoint, ReadEndpoint>, EndpointHint, true},
    {"endpointAuth", EndpointAuthText, Read<&S::endpoint_auth, ReadEndpointAuth>, NoHint},
    {"wakeEndpoint", EndpointText, Read<&S::wake_endpoint, ReadEndpoint>, EndpointHint, true},
    {"wakeSource", OneOf<WakeSourceNames>, Read<&S::wake_source, ReadWakeSource>,
     NearestOf<WakeSourceNames>},
    {"wakeAuth", EndpointAuthText, Read<&S::wake_auth, ReadEndpointAuth>, NoHint},
    {"wakeSeriesName", SeriesNameText, Read<&S::wake_series_name, ReadSeriesName>, NoHint},
    {"wakeSeriesLabels", SeriesLabelsText, Read<&S::wake_series_labels, ReadSeriesLabels>,
     SeriesLabelsHint},
    {"wakeSeriesKind", OneOf<WakeSeriesKinds>, Read<&S::wake_series_kind, ReadWakeSeriesKind>,
     NearestOf<WakeSeriesKinds>},
    {"wakeHoldSeconds", IntegerText<1, 3600>, Read<&S::wake_hold_seconds, ReadInteger<1, 3600>>,
     NoHint},
    {"wakeAbsent", OneOf<WakeAbsentNames>, Read<&S::wake_absent, FindWakeAbsent>,
     NearestOf<WakeAbsentNames>},
};

constexpr std::string_view kKedasOwnKeys[] = {"scalerAddress", "enableTLS", "unsafeSsl",
                                              "tlsCertFile"};
constexpr std::string_view kAuthenticationKeys[] = {"caCert", "tlsClientCert", "tlsClientKey"};

bool EndsInFromEnvOfAnyCase(std::string_view key) {
  if (key.size() < kFromEnv.size()) return false;
  const std::string_view end = key.substr(key.size() - kFromEnv.size());
  return std::equal(end.begin(), end.end(), kFromEnv.begin(),
                    [](char a, char b) { return (a | 0x20) == (b | 0x20); });
}

}  // namespace

std::string Entry::Say() const {
  if (from_env) return std::string(key) + " (value from the environment, not shown)";
  return std::string(key) + " " +
         (is_url ? endpoint::QuoteUrl(value) : base::QuoteForMessage(value));
}

std::span<const Key> Keys() { return kKeys; }

std::span<const std::string_view> KedasOwnKeys() { return kKedasOwnKeys; }

std::span<const std::string_view> AuthenticationKeys() { return kAuthenticationKeys; }

std::string NearestKey(std::string_view unknown) {
  std::vector<std::string_view> names;
  for (const Key& key : kKeys) names.push_back(key.name);
  names.insert(names.end(), std::begin(kKedasOwnKeys), std::end(kKedasOwnKeys));
  names.insert(names.end(), std::begin(kAuthenticationKeys), std::end(kAuthenticationKeys));

  const bool from_env = EndsInFromEnvOfAnyCase(unknown);
  if (from_env) unknown.remove_suffix(kFromEnv.size());
  std::string nearest = base::NearestWord(unknown, names);
  if (!nearest.empty() && from_env) nearest += kFromEnv;
  return nearest;
}

}  // namespace kgs::trigger
