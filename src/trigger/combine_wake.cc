// SPDX-License-Identifier: Apache-2.0
#include "trigger/combine_wake.h"

#include <algorithm>

#include "base/strings.h"
#include "engine/dialects.h"
#include "engine/series_selector.h"
#include "trigger/labels.h"
#include "trigger/metric.h"

namespace kgs::trigger {
namespace {

constexpr std::string_view kSuffix = "_wake";

/// The entries of what is given besides the endpoint, and accepted.
std::vector<Entry> GivenBeside(const Settings& s) {
  std::vector<Entry> given;
  const auto add = [&](const auto& setting) {
    if (setting.value) given.push_back(setting.entry);
  };
  add(s.wake_source);
  add(s.wake_auth);
  add(s.wake_series_name);
  add(s.wake_series_labels);
  add(s.wake_series_kind);
  add(s.wake_hold_seconds);
  add(s.wake_absent);
  return given;
}

void CheckSeries(const Settings& s, std::vector<std::string>& errors) {
  if (!s.wake_series_name.given) {
    errors.push_back(s.wake_source.entry.Say() + " needs wakeSeriesName");
  }
  if (!s.wake_series_name.value || (s.wake_series_labels.given && !s.wake_series_labels.value)) {
    return;
  }
  engine::SeriesSelector selector;
  selector.name = *s.wake_series_name.value;
  selector.labels =
      engine::ParseSeriesLabels(s.wake_series_labels.value.value_or("")).value_or(selector.labels);
  const absl::Status status = engine::CheckSelector(selector);
  if (status.ok()) return;
  const bool hidden = s.wake_series_name.entry.from_env || s.wake_series_labels.entry.from_env;
  errors.push_back(s.wake_series_name.entry.Say() + " cannot be read" +
                   (hidden ? "" : ": " + std::string(status.message())));
}

void CheckSource(const Settings& s, const engine::Dialect& source,
                 std::vector<std::string>& errors) {
  const auto refuse = [&](const auto& setting) {
    if (!setting.value) return;
    errors.push_back(setting.entry.Say() + " needs wakeSource \"" + std::string(kPrometheus) +
                     "\"");
  };
  refuse(s.wake_series_name);
  refuse(s.wake_series_kind);
  if (s.wake_series_labels.given && !s.wake_series_labels.value) return;
  if (Chooses(s.wake_series_labels.value.value_or(""), source.selected_by)) return;
  errors.push_back(s.wake_source.entry.Say() +
                   " is of many workloads: it needs wakeSeriesLabels with " +
                   base::JoinWithAnd(source.selected_by));
}

}  // namespace

void CheckWakeKeys(const Settings& s, const TriggerSpec& spec, std::vector<std::string>& errors,
                   std::vector<std::string>& warnings) {
  if (!s.wake_endpoint.given) {
    for (const Entry& entry : GivenBeside(s)) errors.push_back(entry.Say() + " needs wakeEndpoint");
    return;
  }
  if (!s.wake_endpoint.value) return;
  if (!s.wake_source.given) {
    errors.push_back(std::string(s.wake_endpoint.entry.key) + " needs wakeSource");
  }
  if (spec.scope.value_or(Scope::kWorkload) != Scope::kWorkload) {
    errors.push_back(s.scope.entry.Say() + ": " + std::string(s.wake_endpoint.entry.key) +
                     " wakes a workload");
  }
  if (spec.always_active) {
    warnings.push_back(std::string(s.wake_endpoint.entry.key) +
                       " has no effect: the profile is always active");
  }
  if (!s.wake_source.value) return;
  if (*s.wake_source.value == kPrometheus) return CheckSeries(s, errors);
  CheckSource(s, *engine::FindWakeSource(*s.wake_source.value), errors);
}

std::optional<Wake> WakeOf(const Settings& s) {
  if (!s.wake_endpoint.value || !s.wake_source.value) return std::nullopt;
  Wake wake;
  wake.endpoint.url = *s.wake_endpoint.value;
  wake.endpoint.credential = s.wake_auth.value.value_or(s.endpoint_auth.value.value_or(""));
  const engine::Dialect* source = engine::FindWakeSource(*s.wake_source.value);
  if (wake.endpoint.url.path_and_query == "/") {
    wake.endpoint.url.path_and_query = source == nullptr ? "/metrics" : source->path;
  }
  wake.query.signal =
      source == nullptr ? std::string(kPrometheus) + std::string(kSuffix) : source->wake->name;
  wake.query.series_name = s.wake_series_name.value.value_or("");
  wake.query.series_labels = s.wake_series_labels.value.value_or("");
  wake.query.series_kind = s.wake_series_kind.value.value_or("");
  wake.key = wake.query.Key();
  if (s.wake_hold_seconds.value) wake.hold = std::chrono::seconds(*s.wake_hold_seconds.value);
  const bool absent_is_none =
      source != nullptr && source->wake->absent == engine::WhenAbsent::kZero;
  wake.absent =
      s.wake_absent.value.value_or(absent_is_none ? WakeAbsent::kInactive : WakeAbsent::kUnknown);
  const std::vector<Entry> beside = GivenBeside(s);
  wake.hidden =
      s.wake_endpoint.entry.from_env || s.endpoint_auth.entry.from_env ||
      std::any_of(beside.begin(), beside.end(), [](const Entry& entry) { return entry.from_env; });
  return wake;
}

}  // namespace kgs::trigger
