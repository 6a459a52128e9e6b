// SPDX-License-Identifier: Apache-2.0
//
// Follows every trigger that names us, whether or not KEDA asks: an answer depends on what was
// before it. Keeps what each trigger was answered, and why.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "decision/decision.h"
#include "decision/records.h"
#include "decision/scope_decision.h"
#include "fleet/store.h"
#include "kube/store.h"
#include "model/scaled_object.h"
#include "scaler/trigger_match.h"
#include "trigger/trigger.h"

namespace kgs::scaler {

/// A trigger as it stands.
struct TriggerState {
  model::ObjectKey key;
  int trigger_index = 0;
  /// As the metadata says; nothing where it cannot be read, or came from the environment.
  std::optional<double> target;
  /// What would be answered, as of the last second; nothing where what the trigger asks for is not
  /// known: its metadata cannot be read, or comes from the environment and KEDA has not asked yet.
  std::optional<decision::Decision> now;
  /// Of the observations, one a second, those that came out as an error, by branch.
  std::array<uint64_t, decision::kBranchCount> errors{};
};

/// What it was answered, the oldest first.
struct TriggerHistory {
  TriggerState state;
  std::deque<decision::Record> answered;
};

/// All members: any thread.
class TriggerWatch {
 public:
  /// Why what is stored of that kind and namespace cannot be relied on at the moment; else empty.
  using Problem = std::function<std::string(model::ObjectKind, const std::string&)>;

  TriggerWatch(const kube::Store& kubernetes, Problem kubernetes_problem, const fleet::Store& fleet,
               trigger::UnknownKeys unknown_keys, const base::Clock& clock);

  /// Observes every trigger each second. Until then Turn may be called by hand.
  void Start() { thread_.Start(); }
  void Stop() { thread_.Stop(); }

  /// The answer now. \p spec is what KEDA has sent, whose values from the environment nobody else
  /// knows.
  decision::Decision Answer(const TriggerMatch& match, const trigger::TriggerSpec& spec,
                            const model::WorkloadView& view, base::SteadyTime now);

  /// By object and index.
  std::vector<TriggerState> States() const;
  /// Of the objects of that namespace and name; an empty one means all.
  std::vector<TriggerHistory> Histories(const std::string& object_namespace,
                                        const std::string& name) const;

  /// One observation of every trigger; what is no longer there is forgotten. Returns the wait until
  /// the next.
  base::Duration Turn();
  base::ThreadHealth Health() const;

 private:
  /// Of an object, the index of its trigger.
  using Key = std::pair<model::ObjectKey, int>;

  struct Entry {
    base::Mutex mutex;
    decision::History history KGS_GUARDED_BY(mutex);
    /// As KEDA sent it last; nothing until it has asked.
    std::optional<trigger::TriggerSpec> asked KGS_GUARDED_BY(mutex);
    /// Read from the stored metadata: its generation and what came of it.
    int64_t generation KGS_GUARDED_BY(mutex) = -1;
    std::optional<trigger::TriggerSpec> stored KGS_GUARDED_BY(mutex);
    TriggerState state KGS_GUARDED_BY(mutex);
    decision::Records answered KGS_GUARDED_BY(mutex);
  };

  std::shared_ptr<Entry> EntryOf(const Key& key);
  std::vector<std::shared_ptr<Entry>> Entries() const;
  void Observe(const model::ScaledObject& object, const model::WorkloadView& view,
               base::SteadyTime now);
  /// What the trigger asks for; null where only KEDA knows and has not asked yet.
  const trigger::TriggerSpec* SpecOf(Entry& entry, const model::ScaledObject& object,
                                     const model::Trigger& trigger) const KGS_REQUIRES(entry.mutex);
  decision::Decision Decide(Entry& entry, const trigger::TriggerSpec& spec,
                            model::HpaMetricType metric_type, const model::WorkloadView& view,
                            base::SteadyTime now) const KGS_REQUIRES(entry.mutex);

  const kube::Store& kubernetes_;
  const Problem kubernetes_problem_;
  const fleet::Store& fleet_;
  const trigger::UnknownKeys unknown_keys_;
  const base::Clock& clock_;
  mutable base::Mutex mutex_;
  std::map<Key, std::shared_ptr<Entry>> entries_ KGS_GUARDED_BY(mutex_);
  base::LoopThread thread_;
};

}  // namespace kgs::scaler
