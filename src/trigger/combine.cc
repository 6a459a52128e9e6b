// SPDX-License-Identifier: Apache-2.0
#include "trigger/combine.h"

#include <utility>

#include "base/strings.h"
#include "trigger/combine_endpoint.h"
#include "trigger/combine_engine.h"
#include "trigger/combine_wake.h"

namespace kgs::trigger {
namespace {

using catalogue::Profile;
using model::MetricId;

/// A key that sets metric and target at once.
struct Shorthand {
  Setting<double> Settings::* setting;
  MetricId metric;
};

// Memory "utilization" in KEDA's world is how full it is, not NVML's share of time in use.
constexpr Shorthand kShorthands[] = {
    {&Settings::target_gpu_utilization, MetricId::kGpuUtilization},
    {&Settings::target_memory_utilization, MetricId::kMemoryUsedPercent},
};

const Shorthand* GivenShorthand(const Settings& settings) {
  for (const Shorthand& shorthand : kShorthands) {
    if ((settings.*shorthand.setting).given) return &shorthand;
  }
  return nullptr;
}

void CheckShorthand(const Settings& settings, const Shorthand& shorthand,
                    std::vector<std::string>& errors) {
  const Setting<double>& given = settings.*shorthand.setting;
  for (const Shorthand& other : kShorthands) {
    const Setting<double>& second = settings.*other.setting;
    if (&other == &shorthand || !second.given) continue;
    errors.push_back(std::string(given.entry.key) + " and " + std::string(second.entry.key) +
                     " scale on different metrics: give one of them");
    return;
  }
  const auto& type = settings.metric_type;
  if (type.value && (type.value->of_engine() || type.value->device->id != shorthand.metric)) {
    errors.push_back(given.entry.Say() + " scales on " +
                     std::string(catalogue::MetricOf(shorthand.metric).name) + ", not on " +
                     type.entry.Say() + ": give one of them");
  }
  const auto& target = settings.target_value;
  if (given.value && target.value && *given.value != *target.value) {
    errors.push_back(given.entry.Say() + " and " + target.entry.Say() +
                     " are different targets: give one of them");
  }
}

/// What \p profile scales on by itself; nothing where it needs an engine that is not given.
std::optional<Metric> MetricOfProfile(const Settings& settings, std::string_view metric) {
  if (!metric.starts_with(catalogue::kAnyEngine)) return FindMetric(metric);
  const engine::Dialect* engine = ChosenEngine(settings);
  if (engine == nullptr) return std::nullopt;
  return FindMetric(engine->name + std::string(metric.substr(catalogue::kAnyEngine.size())));
}

bool IsOfAnyEngine(const Profile& profile) {
  return profile.metric.starts_with(catalogue::kAnyEngine);
}

/// Nothing where that cannot be told, which is an error by itself.
std::optional<Metric> ChosenMetric(const Settings& settings, const Profile& base) {
  if (settings.metric_type.given) return settings.metric_type.value;
  if (const Shorthand* shorthand = GivenShorthand(settings)) {
    return FindMetric(catalogue::MetricOf(shorthand->metric).name);
  }
  return MetricOfProfile(settings, base.metric);
}

// The target that comes with the profile, or with no profile, is a number in its metric's unit.
void CheckTargetFits(const Settings& settings, std::string_view unit, const Metric& metric,
                     std::vector<std::string>& errors) {
  if (settings.target_value.given || GivenShorthand(settings) != nullptr) return;
  if (metric.unit == unit) return;
  // Not the profile's number: the profile may come from the environment.
  const std::string whose = settings.profile.given ? "the profile's target" : "the default target";
  errors.push_back(settings.metric_type.entry.Say() + " needs targetValue: " + whose + " is in " +
                   std::string(unit));
}

// A threshold above 0 is a number in the unit of the profile's metric; 0 means "any load" in every
// unit.
void CheckThresholdFits(const Settings& settings, const Profile& base, std::string_view unit,
                        const Metric& metric, std::vector<std::string>& errors) {
  if (settings.activation_threshold.given || base.activation_threshold == 0) return;
  if (metric.unit == unit) return;
  // The metric is not the profile's own, so one of these chose it.
  const Entry& chosen_by = settings.metric_type.given
                               ? settings.metric_type.entry
                               : (settings.*GivenShorthand(settings)->setting).entry;
  errors.push_back(chosen_by.Say() +
                   " needs activationThreshold: the profile's threshold is in another unit");
}

/// Keys that say something of a workload's pods only.
void CheckWorkloadKeys(const Settings& settings, const Scope scope,
                       std::vector<std::string>& warnings) {
  const auto check = [&](const auto& setting) {
    if (!setting.given) return;
    warnings.push_back(std::string(setting.entry.key) +
                       " has no effect: the scope is not workload");
  };
  if (scope == Scope::kWorkload) return;
  check(settings.replica_label);
  check(settings.pod_aggregation);
  check(settings.hold_seconds);
  check(settings.startup_seconds);
  check(settings.min_coverage);
}

void CheckScope(const Settings& settings, const TriggerSpec& spec, std::vector<std::string>& errors,
                std::vector<std::string>& warnings) {
  const bool scope_unknown = settings.scope.given && !spec.scope;
  if (scope_unknown) return;
  if (settings.node.value && spec.scope != Scope::kNode) {
    errors.push_back(settings.node.entry.Say() + " needs scope \"node\"");
  }
  if (spec.scope == Scope::kCluster && spec.gpu_index != kAllGpus) {
    errors.push_back(settings.gpu_index.entry.Say() +
                     " is a place in a node or a pod: it has no meaning in scope \"cluster\"");
  }
  if (spec.scope) CheckWorkloadKeys(settings, *spec.scope, warnings);
  if (settings.pod_aggregation.given && spec.scope.value_or(Scope::kWorkload) == Scope::kWorkload &&
      IsDemand(spec)) {
    warnings.push_back(std::string(settings.pod_aggregation.entry.key) +
                       " has no effect: the metric adds up over pods");
  }
}

void SetScope(const Settings& settings, TriggerSpec& spec) {
  spec.scope = settings.scope.value;
  spec.node = settings.node.value.value_or("");
  spec.replica_label = settings.replica_label.value.value_or("");
  spec.pod_aggregation = settings.pod_aggregation.value.value_or(spec.pod_aggregation);
  spec.hpa_metric_type = settings.hpa_metric_type.value;
  if (settings.hold_seconds.value) spec.hold = std::chrono::seconds(*settings.hold_seconds.value);
  if (settings.startup_seconds.value) {
    spec.startup = std::chrono::seconds(*settings.startup_seconds.value);
  }
  spec.min_coverage = settings.min_coverage.value.value_or(spec.min_coverage);
}

/// What of the spec was chosen by a value from the environment.
void MarkHidden(const Settings& settings, TriggerSpec& spec) {
  // Of a key that was not given the entry says false.
  const bool profile = settings.profile.entry.from_env;
  const Shorthand* shorthand = GivenShorthand(settings);
  spec.target_hidden = settings.target_value.entry.from_env ||
                       (shorthand != nullptr && (settings.*shorthand->setting).entry.from_env) ||
                       (profile && !settings.target_value.given && shorthand == nullptr);
  spec.threshold_hidden = settings.activation_threshold.entry.from_env ||
                          (profile && !settings.activation_threshold.given);
  spec.node_hidden = settings.node.entry.from_env;
  spec.gpu_index_hidden = settings.gpu_index.entry.from_env;
  spec.metric_name_hidden = settings.metric_name.entry.from_env;
  spec.engine_hidden = IsEngineHidden(settings);
}

/// Of profile llm: its two metrics are those of the engine.
void CheckAnyEngine(const Settings& settings, std::vector<std::string>& errors) {
  const std::string profile = settings.profile.entry.Say();
  if (EngineEntry(settings) == nullptr) errors.push_back(profile + " needs engine");
  const auto refuse = [&](const auto& setting) {
    if (!setting.value) return;
    errors.push_back(setting.entry.Say() + " has no meaning beside " + profile +
                     ", whose metrics are those of the engine");
  };
  refuse(settings.metric_type);
  refuse(settings.target_gpu_utilization);
  refuse(settings.target_memory_utilization);
}

void SetMetric(const Settings& settings, const Profile& base, const Metric& metric,
               TriggerSpec& spec) {
  if (metric.of_engine()) {
    spec.engine = EngineMetricOf(settings, metric);
    spec.endpoint = EndpointOf(settings, metric);
    if (const auto load = LoadOf(metric)) spec.engine_load = EngineMetricOf(settings, *load);
    return;
  }
  spec.metric = metric.device->id;
  // Whoever asks for the memory gets it.
  const bool by_profile = !settings.metric_type.given && GivenShorthand(settings) == nullptr;
  if (!by_profile || spec.scope.value_or(Scope::kWorkload) != Scope::kWorkload) return;
  const auto instead = FindMetric(base.instead);
  if (!instead) return;
  spec.engine_instead = EngineMetricOf(settings, *instead);
  if (const auto load = LoadOf(*instead)) spec.engine_load = EngineMetricOf(settings, *load);
}

/// What the keys and the profile say besides the metric.
TriggerSpec SpecWithoutMetric(const Settings& settings, const Profile& base) {
  TriggerSpec spec;
  spec.profile = base.name;
  spec.metric_name = settings.metric_name.value.value_or(std::string(base.metric_name));
  spec.target = base.target;
  spec.always_active = base.always_active;
  spec.activation_threshold =
      settings.activation_threshold.value.value_or(base.activation_threshold);
  spec.gpu_index = settings.gpu_index.value.value_or(spec.gpu_index);
  spec.aggregation = settings.aggregation.value.value_or(spec.aggregation);
  spec.poll_interval = std::chrono::seconds(
      settings.poll_interval_seconds.value.value_or(static_cast<int>(spec.poll_interval.count())));
  SetScope(settings, spec);
  spec.wake = WakeOf(settings);
  MarkHidden(settings, spec);
  return spec;
}

/// \p spec, and beside it what else the profile has.
std::vector<TriggerSpec> WithSecond(const Settings& settings, const Profile& base,
                                    TriggerSpec spec) {
  const std::string name = spec.metric_name;
  spec.metric_name += base.second.first_suffix;
  std::vector<TriggerSpec> specs{std::move(spec)};
  const auto metric = MetricOfProfile(settings, base.second.metric);
  if (!metric) return specs;
  TriggerSpec second = specs.front();
  second.metric_name = name + std::string(base.second.suffix);
  second.engine.reset();
  second.engine_load.reset();
  SetMetric(settings, base, *metric, second);
  second.target = base.second.target;
  second.activation_threshold = base.second.activation_threshold;
  // Both are the profile's.
  second.target_hidden = second.threshold_hidden = settings.profile.entry.from_env;
  specs.push_back(std::move(second));
  return specs;
}

void WarnOfThreshold(const Settings& settings, const TriggerSpec& spec,
                     std::vector<std::string>& warnings) {
  if (!settings.activation_threshold.given) return;
  const std::string key(settings.activation_threshold.entry.key);
  if (spec.always_active) {
    warnings.push_back(key + " has no effect: the profile is always active");
  } else if (spec.engine && spec.engine_load && IsDemand(spec)) {
    warnings.push_back(key +
                       " has no effect: the workload is active while any request waits or "
                       "runs");
  }
}

}  // namespace

std::vector<TriggerSpec> Combine(const Settings& settings, std::vector<std::string>& errors,
                                 std::vector<std::string>& warnings) {
  const Profile& base =
      settings.profile.value ? **settings.profile.value : catalogue::DefaultProfile();
  TriggerSpec spec = SpecWithoutMetric(settings, base);
  if (IsOfAnyEngine(base)) {
    CheckAnyEngine(settings, errors);
  } else if (const Shorthand* shorthand = GivenShorthand(settings)) {
    CheckShorthand(settings, *shorthand, errors);
    spec.target = (settings.*shorthand->setting).value.value_or(spec.target);
  }
  spec.target = settings.target_value.value.value_or(spec.target);

  const auto metric = ChosenMetric(settings, base);
  if (metric) SetMetric(settings, base, *metric, spec);
  const bool profile_unknown = settings.profile.given && !settings.profile.value;
  const bool metric_known = metric && !profile_unknown;
  if (metric_known && !IsOfAnyEngine(base)) {
    const std::string_view unit = FindMetric(base.metric)->unit;
    CheckTargetFits(settings, unit, *metric, errors);
    CheckThresholdFits(settings, base, unit, *metric, errors);
  }
  CheckScope(settings, spec, errors, warnings);
  if (metric_known && (metric->of_engine() || !IsOfAnyEngine(base))) {
    CheckEngineKeys(settings, *metric, spec, errors, warnings);
  }
  CheckWakeKeys(settings, spec, errors, warnings);
  WarnOfThreshold(settings, spec, warnings);
  if (base.second.metric.empty()) return {std::move(spec)};
  return WithSecond(settings, base, std::move(spec));
}

}  // namespace kgs::trigger
