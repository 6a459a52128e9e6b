// SPDX-License-Identifier: Apache-2.0
#include "scaler/trigger_watch.h"

#include <algorithm>
#include <set>
#include <utility>

#include "fleet/view.h"
#include "scaler/node_views.h"
#include "trigger/settings.h"

namespace kgs::scaler {
namespace {

using base::SteadyTime;

constexpr base::Duration kInterval = std::chrono::seconds(1);
constexpr size_t kMostWatched = 4;
/// What a trigger was asked with values of the environment is forgotten when it was not asked so
/// again for three polls, at least for so long: whoever reaches the port may make them up.
constexpr base::Duration kAskedAgainWithin = std::chrono::minutes(2);

/// Whether Kubernetes has the name of a variable where KEDA sends its value.
bool NeedsEnvironment(const model::Trigger& trigger) {
  return std::any_of(trigger.metadata.begin(), trigger.metadata.end(),
                     [](const auto& entry) { return entry.first.ends_with(trigger::kFromEnv); });
}

decision::Decision Refused(const absl::Status& status, decision::Branch branch) {
  decision::Decision decision;
  decision.value = status;
  decision.active = status;
  decision.branch = branch;
  return decision;
}

/// Where what Kubernetes said cannot be relied on.
decision::Decision Unreliable(const trigger::TriggerSpec& spec, const std::string& problem) {
  decision::Decision decision =
      Refused(absl::UnavailableError(problem), decision::Branch::kNoWorkload);
  if (spec.always_active) decision.active = true;
  return decision;
}

}  // namespace

TriggerWatch::TriggerWatch(Sources sources, Options options, const base::Clock& clock,
                           telemetry::LimitCounters& limits)
    : sources_(std::move(sources)),
      options_(options),
      clock_(clock),
      limits_(limits),
      started_(clock.Now()),
      thread_("triggers", std::chrono::seconds(10), [this] { return Turn(); }) {}

std::shared_ptr<TriggerWatch::Entry> TriggerWatch::EntryOf(const Key& key) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<Entry>& entry = entries_[key];
  if (entry == nullptr) {
    entry = std::make_shared<Entry>(options_.most_records);
    base::MutexLock entry_lock(entry->mutex);
    entry->state.key = key.object;
    entry->state.trigger_index = key.trigger_index;
    entry->state.place = key.place;
  }
  return entry;
}

size_t TriggerWatch::PlacesKnown(const model::ObjectKey& object, int trigger_index) const {
  base::MutexLock lock(mutex_);
  size_t places = 0;
  while (entries_.count({object, trigger_index, places}) > 0) ++places;
  return places;
}

std::vector<std::shared_ptr<TriggerWatch::Entry>> TriggerWatch::Entries() const {
  std::vector<std::shared_ptr<Entry>> entries;
  base::MutexLock lock(mutex_);
  entries.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) entries.push_back(entry);
  return entries;
}

decision::Decision TriggerWatch::DecideWorkload(Watched& watched, model::HpaMetricType metric_type,
                                                const model::WorkloadView& view, SteadyTime now,
                                                const std::string& problem) const {
  const trigger::TriggerSpec& spec = watched.spec;
  // Where Kubernetes has a problem what the pods or the endpoint show is worth remembering all the
  // same.
  if (!spec.endpoint) {
    if (problem.empty()) {
      return decision::ObserveAndDecide({spec, metric_type, view, now}, watched.history);
    }
    decision::Observe(watched.history, spec, view, now);
  } else {
    const auto [source, load] =
        ReadEndpoint(sources_.endpoint_reading, spec, view.object->key.object_namespace);
    const decision::SourceQuestion question{spec, metric_type, view, source, load, now};
    if (problem.empty()) return decision::ObserveAndDecideSource(question, watched.source_history);
    decision::ObserveSource(watched.source_history, question);
  }
  return Unreliable(spec, problem);
}

decision::Decision TriggerWatch::DecideAwake(Watched& watched, model::HpaMetricType metric_type,
                                             const model::WorkloadView& view,
                                             Moment& moment) const {
  const trigger::TriggerSpec& spec = watched.spec;
  const auto scope = decision::EffectiveScope(spec, true);
  if (!scope.ok()) return Refused(scope.status(), decision::Branch::kInvalid);
  const model::ObjectKey& key = view.object->key;
  const std::string problem = sources_.kubernetes_problem(key.kind, key.object_namespace);
  if (*scope == trigger::Scope::kWorkload) {
    return DecideWorkload(watched, metric_type, view, moment.now, problem);
  }
  if (!problem.empty()) return Unreliable(spec, problem);
  std::vector<decision::NodeView> named;
  if (!spec.node.empty()) {
    named = NodeViews(sources_.fleet, spec.node);
  } else if (!moment.all_nodes) {
    moment.all_nodes = NodeViews(sources_.fleet);
  }
  decision::ScopeQuestion question{
      spec, *scope, metric_type, &view, spec.node.empty() ? *moment.all_nodes : named, moment.now};
  if (sources_.gathers_nodes) question.listening = moment.now - started_;
  return decision::DecideScope(question);
}

decision::Decision TriggerWatch::Decide(Watched& watched, model::HpaMetricType metric_type,
                                        const model::WorkloadView& view, Moment& moment) const {
  decision::Decision decision = DecideAwake(watched, metric_type, view, moment);
  decision::AddWake(watched.spec, view, ReadWake(sources_.wake_reading, watched.spec, view),
                    moment.now, decision);
  return decision;
}

decision::Decision TriggerWatch::Answer(const TriggerMatch& match, const trigger::TriggerSpec& spec,
                                        size_t place, const model::WorkloadView& view,
                                        For asked_for, SteadyTime now) {
  const std::shared_ptr<Entry> entry = EntryOf({match.key, match.trigger_index, place});
  Moment moment{now, std::nullopt};
  base::MutexLock lock(entry->mutex);
  Watched& watched = WatchedOf(*entry, spec);
  watched.last_asked = now;
  decision::Decision decision = Decide(watched, match.metric_type, view, moment);
  const bool forgotten = asked_for == For::kCall ? entry->answered.Add(decision, now)
                                                 : entry->answered.AddIfOther(decision, now);
  if (forgotten) limits_.Add(telemetry::Limit::kDecisionHistory);
  return decision;
}

std::vector<TriggerState> TriggerWatch::States() const {
  std::vector<TriggerState> states;
  for (const auto& entry : Entries()) {
    base::MutexLock lock(entry->mutex);
    states.push_back(entry->state);
  }
  return states;
}

std::vector<TriggerHistory> TriggerWatch::Histories(const std::string& object_namespace,
                                                    const std::string& name, size_t most,
                                                    bool* cut) const {
  std::vector<std::shared_ptr<Entry>> meant = Entries();
  std::erase_if(meant, [&](const std::shared_ptr<Entry>& entry) {
    base::MutexLock lock(entry->mutex);
    const model::ObjectKey& key = entry->state.key;
    return (!object_namespace.empty() && key.object_namespace != object_namespace) ||
           (!name.empty() && key.name != name);
  });
  *cut = meant.size() > most;
  std::vector<TriggerHistory> histories;
  histories.reserve(meant.size());
  for (const auto& entry : meant) {
    base::MutexLock lock(entry->mutex);
    TriggerHistory& history = histories.emplace_back();
    history.state = entry->state;
    if (*cut) continue;
    if (history.state.now) history.state.now->inputs = entry->inputs;
    history.answered = entry->answered.all();
  }
  return histories;
}

TriggerWatch::Watched& TriggerWatch::WatchedOf(Entry& entry, const trigger::TriggerSpec& spec) {
  const auto known = std::find_if(entry.watched.begin(), entry.watched.end(),
                                  [&](const Watched& one) { return one.spec == spec; });
  if (known != entry.watched.end()) return *known;
  if (entry.watched.size() < kMostWatched) return entry.watched.emplace_back(Watched{spec, {}, {}});
  Watched& oldest = *std::min_element(
      entry.watched.begin(), entry.watched.end(),
      [](const Watched& a, const Watched& b) { return a.last_asked < b.last_asked; });
  oldest = Watched{spec, {}, {}};
  return oldest;
}

size_t TriggerWatch::Read(Entry& entry, const model::ScaledObject& object,
                          const model::Trigger& trigger) const {
  if (entry.object_uid == object.uid && entry.generation == object.generation) return entry.places;
  // What was asked before anything was read was asked of this object.
  const bool same_object = entry.object_uid == object.uid || entry.object_uid.empty();
  entry.object_uid = object.uid;
  entry.generation = object.generation;
  entry.refusal = CheckDistinct(object, trigger);
  entry.places = 1;
  if (!same_object) entry.watched.clear();
  if (NeedsEnvironment(trigger)) return entry.places;
  const auto parsed = trigger::ParseTrigger(trigger.metadata, options_.parse);
  if (!parsed.ok()) {
    entry.refusal = parsed.status();
    entry.watched.clear();
    return entry.places;
  }
  entry.places = parsed->specs.size();
  // What is known of the pods does not depend on the question: the history sorts that out.
  if (entry.watched.size() > 1) entry.watched.erase(entry.watched.begin() + 1, entry.watched.end());
  if (entry.watched.empty()) entry.watched.emplace_back();
  entry.watched[0].spec = parsed->specs[std::min(entry.state.place, entry.places - 1)];
  return entry.places;
}

void TriggerWatch::ObserveEntry(Entry& entry, model::HpaMetricType metric_type,
                                const model::WorkloadView& view, Moment& moment) const {
  TriggerState& state = entry.state;
  state.target.reset();
  state.now.reset();
  SteadyTime last_asked = SteadyTime::min();
  for (Watched& watched : entry.watched) {
    for (model::EngineQuery& query : trigger::EngineQueriesOf(watched.spec)) {
      moment.engine_queries.push_back(std::move(query));
    }
    if (!watched.spec.engine) moment.metrics.set(model::Index(watched.spec.metric));
    if (watched.spec.endpoint) {
      moment.endpoints.push_back(EndpointTargetOf(watched.spec, view.object->key.object_namespace));
    }
    if (watched.spec.wake) moment.endpoints.push_back(WakeTargetOf(watched.spec, view));
    decision::Decision decision = Decide(watched, metric_type, view, moment);
    if (watched.last_asked < last_asked) continue;
    last_asked = watched.last_asked;
    state.metric = trigger::MetricNameOf(watched.spec);
    state.target = watched.spec.target_hidden ? std::nullopt : std::optional(watched.spec.target);
    state.now = std::move(decision);
  }
  if (!entry.refusal.ok()) state.now = Refused(entry.refusal, decision::Branch::kInvalid);
  if (!state.now) return;
  if (!state.now->value.ok()) ++state.errors[static_cast<size_t>(state.now->branch)];
  entry.inputs = std::move(state.now->inputs);
  state.now->inputs.clear();
}

void TriggerWatch::ForgetUnasked(Entry& entry, const model::ScaledObject& object, SteadyTime now) {
  const base::Duration within =
      std::max<base::Duration>(kAskedAgainWithin, 3 * object.polling_interval);
  std::erase_if(entry.watched,
                [&](const Watched& watched) { return now - watched.last_asked > within; });
}

void TriggerWatch::Observe(const model::ScaledObject& object, const model::WorkloadView& view,
                           Moment& moment, std::set<Key>& there) {
  for (const model::Trigger& trigger : object.triggers) {
    // What the environment makes of a trigger is known by what was answered.
    const size_t answered = NeedsEnvironment(trigger) ? PlacesKnown(object.key, trigger.index) : 0;
    size_t places = 1;
    for (size_t place = 0; place < places; ++place) {
      const Key key{object.key, trigger.index, place};
      const std::shared_ptr<Entry> entry = EntryOf(key);
      there.insert(key);
      base::MutexLock lock(entry->mutex);
      if (NeedsEnvironment(trigger)) ForgetUnasked(*entry, object, moment.now);
      const size_t read = Read(*entry, object, trigger);
      if (place == 0) places = std::max(read, answered);
      ObserveEntry(*entry, trigger.metric_type, view, moment);
    }
  }
}

base::Duration TriggerWatch::Turn() {
  Moment moment{clock_.Now(), std::nullopt};
  std::set<Key> there;
  ScrapeCollector scrapes;
  for (const auto& object : sources_.kubernetes.Objects()) {
    const auto workload = sources_.kubernetes.Find(object->key);
    if (!workload) continue;
    Observe(*workload->object,
            fleet::ViewWorkload(*workload, sources_.fleet, sources_.kubernetes, moment.now), moment,
            there);
    scrapes.Add(*workload, std::exchange(moment.engine_queries, {}));
  }
  if (sources_.on_scrapes) sources_.on_scrapes(scrapes.Take());
  if (sources_.on_metrics) sources_.on_metrics(moment.metrics);
  if (sources_.on_endpoints) sources_.on_endpoints(moment.endpoints);
  base::MutexLock lock(mutex_);
  std::erase_if(entries_, [&](const auto& entry) { return there.count(entry.first) == 0; });
  return std::max<base::Duration>(moment.now + kInterval - clock_.Now(), base::Duration::zero());
}

base::ThreadHealth TriggerWatch::Health() const {
  return thread_.Health(std::chrono::steady_clock::now());
}

}  // namespace kgs::scaler
