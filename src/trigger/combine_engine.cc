// SPDX-License-Identifier: Apache-2.0
#include "trigger/combine_engine.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "engine/dialects.h"
#include "engine/series_selector.h"
#include "trigger/combine_endpoint.h"
#include "trigger/labels.h"

namespace kgs::trigger {
namespace {

using Errors = std::vector<std::string>;

/// The entries of those of \p settings that were given and accepted.
template <typename... T>
std::vector<Entry> Given(const Setting<T>&... settings) {
  std::vector<Entry> given;
  (..., (settings.value ? given.push_back(settings.entry) : void()));
  return given;
}

/// The keys that say of a series what it is, but for its name.
std::vector<Entry> GivenOfSeries(const Settings& s) {
  return Given(s.series_labels, s.series_kind, s.series_combine, s.series_absent);
}

void Refuse(const std::vector<Entry>& entries, const std::string& why, Errors& errors) {
  for (const Entry& entry : entries) errors.push_back(entry.Say() + " " + why);
}

/// What there is of a series; without what was not accepted.
engine::SeriesSelector SelectorOf(const Settings& settings) {
  engine::SeriesSelector selector;
  selector.name = settings.series_name.value.value_or("");
  if (settings.series_labels.value) {
    selector.labels =
        engine::ParseSeriesLabels(*settings.series_labels.value).value_or(engine::LabelMatches());
  }
  const auto word = [](const Setting<std::string>& setting, auto find, auto& member) {
    if (!setting.value) return;
    if (const auto found = find(*setting.value)) member = *found;
  };
  word(settings.series_kind, engine::FindSeriesKind, selector.read_as);
  word(settings.series_combine, engine::FindSeriesCombine, selector.combine);
  word(settings.series_absent, engine::FindSeriesAbsent, selector.absent);
  return selector;
}

void CheckSeries(const Settings& s, Errors& errors) {
  const std::string whose = "metricType \"" + std::string(kPrometheus) + "\"";
  if (!s.series_name.given) errors.push_back(whose + " needs seriesName");
  if (!s.engine_port.given && !s.engine.given && !IsEndpointGiven(s)) {
    errors.push_back(whose +
                     " needs enginePort, engine for the port of a preset, or engineEndpoint");
  }
  // What the parts say together; each on its own was accepted.
  if (!s.series_name.value || (s.series_labels.given && !s.series_labels.value)) return;
  const absl::Status status = engine::CheckSelector(SelectorOf(s));
  if (status.ok()) return;
  const bool hidden = s.series_name.entry.from_env || s.series_labels.entry.from_env ||
                      s.series_kind.entry.from_env;
  errors.push_back(s.series_kind.entry.Say() + " does not fit the series" +
                   (hidden ? "" : ": " + std::string(status.message())));
}

/// A gateway is no pod of the workload, and may speak of many.
void CheckGateway(const Settings& s, const Metric& metric, Errors& errors) {
  const engine::Dialect& dialect = *metric.dialect;
  const auto gateways = engine::Gateways();
  if (std::find(gateways.begin(), gateways.end(), &dialect) != gateways.end() &&
      !IsEndpointGiven(s)) {
    errors.push_back(s.metric_type.entry.Say() +
                     " is of a gateway, which is none of the pods: it needs engineEndpoint");
  }
  const bool readable = !s.series_labels.given || s.series_labels.value;
  if (!readable || Chooses(s.series_labels.value.value_or(""), dialect.selected_by)) return;
  errors.push_back(s.metric_type.entry.Say() +
                   " is of many workloads: it needs seriesLabels with " +
                   base::JoinWithAnd(dialect.selected_by));
}

void CheckPreset(const Settings& s, const Metric& metric, Errors& errors) {
  const std::string why = "needs metricType \"" + std::string(kPrometheus) + "\"";
  // Labels choose among the series of a preset as well.
  Refuse(Given(s.series_name, s.series_kind, s.series_combine, s.series_absent), why, errors);
  CheckGateway(s, metric, errors);
  const engine::Dialect* engine = ChosenEngine(s);
  if (engine == nullptr || engine == metric.dialect) return;
  errors.push_back(EngineEntry(s)->Say() + " and " +
                   (s.metric_type.given ? s.metric_type.entry : s.profile.entry).Say() +
                   " are of different engines: give one of them");
}

void CheckMetricOfEngine(const Settings& s, const Metric& metric, Errors& errors,
                         Errors& warnings) {
  if (s.scope.value && *s.scope.value != Scope::kWorkload) {
    errors.push_back(s.scope.entry.Say() +
                     ": the metric of an engine is read from the pods of a workload");
  }
  if (s.gpu_index.value && *s.gpu_index.value != kAllGpus) {
    errors.push_back(s.gpu_index.entry.Say() + " is a GPU: the metric of an engine has none");
  }
  if (s.aggregation.given) {
    warnings.push_back(std::string(s.aggregation.entry.key) +
                       " has no effect: the metric is not one of GPUs");
  }
  CheckEndpointKeys(s, metric, errors, warnings);
  if (metric.name == kPrometheus) {
    CheckSeries(s, errors);
  } else {
    CheckPreset(s, metric, errors);
  }
}

/// Which port and path of a pod are asked.
void SetPage(const Settings& s, const Metric& metric, model::EngineQuery& query) {
  if (metric.dialect != nullptr) {
    // What is said is the engine's own anyway: one query rather than two of the same page.
    const engine::Dialect& dialect = *metric.dialect;
    if (s.engine_port.value.value_or(dialect.port) != dialect.port) {
      query.port = *s.engine_port.value;
    }
    if (s.engine_path.value.value_or(dialect.path) != dialect.path) {
      query.path = *s.engine_path.value;
    }
    return;
  }
  const engine::Dialect* dialect = ChosenEngine(s);
  query.port = s.engine_port.value.value_or(dialect == nullptr ? 0 : dialect->port);
  query.path = s.engine_path.value.value_or(DefaultPath(s, metric));
}

}  // namespace

void CheckEngineKeys(const Settings& s, const Metric& metric, const TriggerSpec& spec,
                     Errors& errors, Errors& warnings) {
  if (metric.of_engine()) return CheckMetricOfEngine(s, metric, errors, warnings);
  CheckEndpointKeys(s, metric, errors, warnings);
  const std::string why = "needs the metric of an engine";
  if (!spec.engine_instead) {
    Refuse(Given(s.engine, s.engine_port, s.engine_path, s.engine_scrape_interval), why, errors);
  } else if (const auto instead = FindMetric(spec.engine_instead->query.signal);
             s.engine.value && instead && *s.engine.value != instead->dialect) {
    errors.push_back(s.engine.entry.Say() + " and " + s.profile.entry.Say() +
                     " are of different engines: give one of them");
  }
  const std::string series = "needs metricType \"" + std::string(kPrometheus) + "\"";
  Refuse(Given(s.series_name, s.series_kind, s.series_combine, s.series_absent), series, errors);
  Refuse(Given(s.series_labels), why, errors);
}

EngineMetric EngineMetricOf(const Settings& s, const Metric& metric) {
  EngineMetric engine;
  model::EngineQuery& query = engine.query;
  query.signal = metric.name;
  query.interval = s.engine_scrape_interval.value.value_or(query.interval);
  if (!IsEndpointGiven(s)) SetPage(s, metric, query);
  if (metric.dialect != nullptr) {
    query.series_labels = s.series_labels.value.value_or("");
    engine.demand = metric.signal->demand;
  } else {
    query.series_name = s.series_name.value.value_or("");
    query.series_labels = s.series_labels.value.value_or("");
    query.series_kind = s.series_kind.value.value_or("");
    query.series_combine = s.series_combine.value.value_or("");
    query.series_absent = s.series_absent.value.value_or("");
    engine.demand = engine::WantedSeries(SelectorOf(s)).signal.demand;
  }
  engine.key = query.Key();
  engine.unit = metric.unit;
  return engine;
}

bool IsEngineHidden(const Settings& s) {
  for (const Entry& entry : Given(s.engine, s.engine_port, s.engine_path, s.series_name)) {
    if (entry.from_env) return true;
  }
  for (const Entry& entry : GivenOfSeries(s)) {
    if (entry.from_env) return true;
  }
  return IsEndpointHidden(s);
}

}  // namespace kgs::trigger
