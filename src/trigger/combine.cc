// SPDX-License-Identifier: Apache-2.0
#include "trigger/combine.h"

#include "base/strings.h"

namespace kgs::trigger {
namespace {

using catalogue::Metric;
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
  if (type.value && (*type.value)->id != shorthand.metric) {
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

// The target that comes with the profile, or with no profile, is a number in its metric's unit.
void CheckTargetFits(const Settings& settings, const Profile& base, const Metric& metric,
                     std::vector<std::string>& errors) {
  if (settings.target_value.given || GivenShorthand(settings) != nullptr) return;
  const std::string_view unit = catalogue::MetricOf(base.metric).unit;
  if (metric.unit == unit) return;
  // Not the profile's number: the profile may come from the environment.
  const std::string whose = settings.profile.given ? "the profile's target" : "the default target";
  errors.push_back(settings.metric_type.entry.Say() + " needs targetValue: " + whose + " is in " +
                   std::string(unit));
}

// A threshold above 0 is a number in the unit of the profile's metric; 0 means "any load" in every
// unit.
void CheckThresholdFits(const Settings& settings, const Profile& base, const Metric& metric,
                        std::vector<std::string>& errors) {
  if (settings.activation_threshold.given || base.activation_threshold == 0) return;
  if (metric.unit == catalogue::MetricOf(base.metric).unit) return;
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
      catalogue::MetricOf(spec.metric).kind == catalogue::Kind::kDemand) {
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
}

}  // namespace

TriggerSpec Combine(const Settings& settings, std::vector<std::string>& errors,
                    std::vector<std::string>& warnings) {
  const Profile& base =
      settings.profile.value ? **settings.profile.value : catalogue::DefaultProfile();
  TriggerSpec spec;
  spec.profile = base.name;
  spec.metric_name = settings.metric_name.value.value_or(std::string(base.metric_name));
  spec.metric = base.metric;
  spec.target = base.target;
  spec.always_active = base.always_active;
  spec.activation_threshold =
      settings.activation_threshold.value.value_or(base.activation_threshold);
  spec.gpu_index = settings.gpu_index.value.value_or(spec.gpu_index);
  spec.aggregation = settings.aggregation.value.value_or(spec.aggregation);
  spec.poll_interval = std::chrono::seconds(
      settings.poll_interval_seconds.value.value_or(static_cast<int>(spec.poll_interval.count())));
  SetScope(settings, spec);
  MarkHidden(settings, spec);

  if (const Shorthand* shorthand = GivenShorthand(settings)) {
    CheckShorthand(settings, *shorthand, errors);
    spec.metric = shorthand->metric;
    spec.target = (settings.*shorthand->setting).value.value_or(spec.target);
  }
  if (settings.metric_type.value) spec.metric = (*settings.metric_type.value)->id;
  spec.target = settings.target_value.value.value_or(spec.target);

  const bool profile_unknown = settings.profile.given && !settings.profile.value;
  if (!profile_unknown) {
    const Metric& metric = catalogue::MetricOf(spec.metric);
    CheckTargetFits(settings, base, metric, errors);
    CheckThresholdFits(settings, base, metric, errors);
  }
  CheckScope(settings, spec, errors, warnings);
  if (spec.always_active && settings.activation_threshold.given) {
    warnings.push_back(std::string(settings.activation_threshold.entry.key) +
                       " has no effect: the profile is always active");
  }
  return spec;
}

}  // namespace kgs::trigger
