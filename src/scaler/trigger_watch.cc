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

/// Whether Kubernetes has the name of a variable where KEDA sends its value.
bool NeedsEnvironment(const model::Trigger& trigger) {
  return std::any_of(trigger.metadata.begin(), trigger.metadata.end(),
                     [](const auto& entry) { return entry.first.ends_with(trigger::kFromEnv); });
}

decision::Decision Refused(const absl::Status& status) {
  decision::Decision decision;
  decision.value = status;
  decision.active = status;
  decision.branch = decision::Branch::kNoWorkload;
  return decision;
}

}  // namespace

TriggerWatch::TriggerWatch(const kube::Store& kubernetes, Problem kubernetes_problem,
                           const fleet::Store& fleet, trigger::UnknownKeys unknown_keys,
                           const base::Clock& clock)
    : kubernetes_(kubernetes),
      kubernetes_problem_(std::move(kubernetes_problem)),
      fleet_(fleet),
      unknown_keys_(unknown_keys),
      clock_(clock),
      thread_("triggers", std::chrono::seconds(10), [this] { return Turn(); }) {}

std::shared_ptr<TriggerWatch::Entry> TriggerWatch::EntryOf(const Key& key) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<Entry>& entry = entries_[key];
  if (entry == nullptr) {
    entry = std::make_shared<Entry>();
    base::MutexLock entry_lock(entry->mutex);
    entry->state.key = key.first;
    entry->state.trigger_index = key.second;
  }
  return entry;
}

std::vector<std::shared_ptr<TriggerWatch::Entry>> TriggerWatch::Entries() const {
  std::vector<std::shared_ptr<Entry>> entries;
  base::MutexLock lock(mutex_);
  entries.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) entries.push_back(entry);
  return entries;
}

decision::Decision TriggerWatch::Decide(Entry& entry, const trigger::TriggerSpec& spec,
                                        model::HpaMetricType metric_type,
                                        const model::WorkloadView& view, SteadyTime now) const {
  const auto scope = decision::EffectiveScope(spec, true);
  if (!scope.ok()) return Refused(scope.status());
  const bool of_pods = *scope == trigger::Scope::kWorkload;
  const model::ObjectKey& key = view.object->key;
  const std::string problem = kubernetes_problem_(key.kind, key.object_namespace);
  if (!problem.empty()) {
    // What the pods show is worth remembering all the same.
    if (of_pods) decision::Observe(entry.history, spec, view, now);
    return Refused(absl::UnavailableError(problem));
  }
  if (of_pods) return decision::ObserveAndDecide({spec, metric_type, view, now}, entry.history);
  const std::vector<decision::NodeView> nodes = NodeViews(fleet_);
  return decision::DecideScope({spec, *scope, metric_type, &view, nodes, now});
}

decision::Decision TriggerWatch::Answer(const TriggerMatch& match, const trigger::TriggerSpec& spec,
                                        const model::WorkloadView& view, SteadyTime now) {
  const std::shared_ptr<Entry> entry = EntryOf({match.key, match.trigger_index});
  base::MutexLock lock(entry->mutex);
  entry->asked = spec;
  decision::Decision decision = Decide(*entry, spec, match.metric_type, view, now);
  entry->answered.Add(decision, now);
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
                                                    const std::string& name) const {
  std::vector<TriggerHistory> histories;
  for (const auto& entry : Entries()) {
    base::MutexLock lock(entry->mutex);
    const model::ObjectKey& key = entry->state.key;
    if (!object_namespace.empty() && key.object_namespace != object_namespace) continue;
    if (!name.empty() && key.name != name) continue;
    histories.push_back({entry->state, entry->answered.all()});
  }
  return histories;
}

const trigger::TriggerSpec* TriggerWatch::SpecOf(Entry& entry, const model::ScaledObject& object,
                                                 const model::Trigger& trigger) const {
  if (NeedsEnvironment(trigger)) return entry.asked ? &*entry.asked : nullptr;
  if (entry.generation != object.generation) {
    const auto parsed = trigger::ParseTrigger(trigger.metadata, unknown_keys_);
    entry.stored = parsed.ok() ? std::optional(parsed->spec) : std::nullopt;
    entry.generation = object.generation;
  }
  return entry.stored ? &*entry.stored : nullptr;
}

void TriggerWatch::Observe(const model::ScaledObject& object, const model::WorkloadView& view,
                           SteadyTime now) {
  for (const model::Trigger& trigger : object.triggers) {
    const std::shared_ptr<Entry> entry = EntryOf({object.key, trigger.index});
    base::MutexLock lock(entry->mutex);
    TriggerState& state = entry->state;
    const trigger::TriggerSpec* spec = SpecOf(*entry, object, trigger);
    if (spec == nullptr) {
      state.target.reset();
      state.now.reset();
      continue;
    }
    state.target = spec->target_hidden ? std::nullopt : std::optional(spec->target);
    state.now = Decide(*entry, *spec, trigger.metric_type, view, now);
    if (!state.now->value.ok()) ++state.errors[static_cast<size_t>(state.now->branch)];
  }
}

base::Duration TriggerWatch::Turn() {
  const SteadyTime now = clock_.Now();
  std::set<Key> there;
  for (const auto& object : kubernetes_.Objects()) {
    const auto workload = kubernetes_.Find(object->key);
    if (!workload) continue;
    for (const model::Trigger& trigger : workload->object->triggers) {
      there.insert({object->key, trigger.index});
    }
    Observe(*workload->object, fleet::ViewWorkload(*workload, fleet_, kubernetes_, now), now);
  }
  base::MutexLock lock(mutex_);
  std::erase_if(entries_, [&](const auto& entry) { return there.count(entry.first) == 0; });
  return std::max<base::Duration>(now + kInterval - clock_.Now(), base::Duration::zero());
}

base::ThreadHealth TriggerWatch::Health() const {
  return thread_.Health(std::chrono::steady_clock::now());
}

}  // namespace kgs::scaler
