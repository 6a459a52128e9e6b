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
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "decision/decision.h"
#include "decision/records.h"
#include "decision/scope_decision.h"
#include "decision/source_decision.h"
#include "fleet/store.h"
#include "kube/store.h"
#include "model/scaled_object.h"
#include "scaler/endpoint_questions.h"
#include "scaler/engine_scrapes.h"
#include "scaler/trigger_match.h"
#include "trigger/trigger.h"

namespace kgs::scaler {

/// One number of a trigger, as it stands.
struct TriggerState {
  model::ObjectKey key;
  int trigger_index = 0;
  /// Which of the trigger's numbers; most have one.
  size_t place = 0;
  /// As metricType; empty where that is not known.
  std::string metric;
  /// As the metadata says; nothing where it cannot be read, or came from the environment.
  std::optional<double> target;
  /// What would be answered, as of the last second, without its inputs; nothing where what the
  /// trigger asks for is not known: its metadata cannot be read, or comes from the environment and
  /// KEDA has not asked yet.
  std::optional<decision::Decision> now;
  /// Of the observations, one a second, those that came out as an error, by branch.
  std::array<uint64_t, decision::kBranchCount> errors{};
};

/// With all that was decided: state.now has its inputs.
struct TriggerHistory {
  TriggerState state;
  /// What it was answered, the oldest first.
  std::deque<decision::Record> answered;
};

/// All members: any thread.
class TriggerWatch {
 public:
  /// Why what is stored of that kind and namespace cannot be relied on at the moment; else empty.
  using Problem = std::function<std::string(model::ObjectKind, const std::string&)>;

  struct Sources {
    const kube::Store& kubernetes;
    Problem kubernetes_problem;
    const fleet::Store& fleet;
    /// Nodes report to this process: it has not heard of all of them at once.
    bool gathers_nodes = false;
    /// Takes, each second, which engines agents are to ask. On the thread of Turn; null where none
    /// is asked.
    std::function<void(ScrapesByNode)> on_scrapes = nullptr;
    /// Takes, each second, which metrics of GPUs the triggers read. On the thread of Turn; may be
    /// null.
    std::function<void(const model::MetricSet&)> on_metrics = nullptr;
    /// Takes, each second, what this process is to ask of endpoints itself, be it nothing. On the
    /// thread of Turn; null where none is asked.
    std::function<void(const std::vector<scraping::EndpointTarget>&)> on_endpoints = nullptr;
    /// What they said. Null where none is asked.
    EndpointReader endpoint_reading = nullptr;
    WakeReader wake_reading = nullptr;
  };

  struct Options {
    trigger::ParseOptions parse;
    /// Answers of each number of each trigger that are remembered for people to look at.
    size_t most_records = decision::Records::kMost;
  };

  TriggerWatch(Sources sources, Options options, const base::Clock& clock,
               telemetry::LimitCounters& limits);

  /// Observes every trigger each second. Until then Turn may be called by hand.
  void Start() { thread_.Start(); }
  void Stop() { thread_.Stop(); }

  /// Whether what is decided is told to KEDA at once. A stream is told of changes alone.
  enum class For { kCall, kStream };

  /// The answer now. \p spec is the number at \p place of what KEDA has sent, whose values from the
  /// environment nobody else knows.
  decision::Decision Answer(const TriggerMatch& match, const trigger::TriggerSpec& spec,
                            size_t place, const model::WorkloadView& view, For asked_for,
                            base::SteadyTime now);

  /// By object, index and place.
  std::vector<TriggerState> States() const;
  /// Of the objects of that namespace and name; an empty one means all. Where more than \p most are
  /// meant each is without inputs and answers: \p cut.
  std::vector<TriggerHistory> Histories(const std::string& object_namespace,
                                        const std::string& name, size_t most, bool* cut) const;

  /// One observation of every trigger; what is no longer there is forgotten. Returns the wait until
  /// the next.
  base::Duration Turn();
  base::ThreadHealth Health() const;

 private:
  /// One number of a trigger of an object.
  struct Key {
    model::ObjectKey object;
    int trigger_index = 0;
    size_t place = 0;

    auto operator<=>(const Key&) const = default;
  };

  /// What one reading of a trigger's metadata asks for, and what was before.
  struct Watched {
    trigger::TriggerSpec spec;
    decision::History history;
    /// Of a spec that has an endpoint, in place of the other.
    decision::SourceHistory source_history;
    base::SteadyTime last_asked;
  };

  struct Entry {
    explicit Entry(size_t most_records) : answered(most_records) {}

    base::Mutex mutex;
    /// What the stored metadata was read of.
    std::string object_uid KGS_GUARDED_BY(mutex);
    int64_t generation KGS_GUARDED_BY(mutex) = -1;
    /// How many numbers the trigger has by its stored metadata.
    size_t places KGS_GUARDED_BY(mutex) = 1;
    /// Why it is not answered whatever is asked, or OK.
    absl::Status refusal KGS_GUARDED_BY(mutex);
    /// One, but of a trigger whose values come from the environment: there whoever reaches the port
    /// may send others, which must not make us forget what KEDA's were about. Few.
    std::vector<Watched> watched KGS_GUARDED_BY(mutex);
    TriggerState state KGS_GUARDED_BY(mutex);
    /// Of state.now.
    std::vector<decision::Input> inputs KGS_GUARDED_BY(mutex);
    decision::Records answered KGS_GUARDED_BY(mutex);
  };

  /// Of one turn or answer, so that all nodes are looked at once.
  struct Moment {
    base::SteadyTime now;
    std::optional<std::vector<decision::NodeView>> all_nodes;
    /// What the triggers of the object that is being observed ask of engines.
    std::vector<model::EngineQuery> engine_queries = {};
    /// What all triggers read of GPUs.
    model::MetricSet metrics = {};
    /// What all triggers ask of endpoints.
    std::vector<scraping::EndpointTarget> endpoints = {};
  };

  std::shared_ptr<Entry> EntryOf(const Key& key);
  std::vector<std::shared_ptr<Entry>> Entries() const;
  size_t PlacesKnown(const model::ObjectKey& object, int trigger_index) const;
  /// Adds what it has observed to \p there.
  void Observe(const model::ScaledObject& object, const model::WorkloadView& view, Moment& moment,
               std::set<Key>& there);
  void ObserveEntry(Entry& entry, model::HpaMetricType metric_type, const model::WorkloadView& view,
                    Moment& moment) const KGS_REQUIRES(entry.mutex);
  static void ForgetUnasked(Entry& entry, const model::ScaledObject& object, base::SteadyTime now)
      KGS_REQUIRES(entry.mutex);
  /// Reads the stored metadata, where it is new. Returns how many numbers the trigger has,
  /// as far as \p object tells.
  size_t Read(Entry& entry, const model::ScaledObject& object, const model::Trigger& trigger) const
      KGS_REQUIRES(entry.mutex);
  /// The entry's memory of that spec; a new one takes the place of the one asked for least lately.
  static Watched& WatchedOf(Entry& entry, const trigger::TriggerSpec& spec)
      KGS_REQUIRES(entry.mutex);
  decision::Decision Decide(Watched& watched, model::HpaMetricType metric_type,
                            const model::WorkloadView& view, Moment& moment) const;
  /// The same without what wakes the workload.
  decision::Decision DecideAwake(Watched& watched, model::HpaMetricType metric_type,
                                 const model::WorkloadView& view, Moment& moment) const;
  /// The same for scope workload.
  decision::Decision DecideWorkload(Watched& watched, model::HpaMetricType metric_type,
                                    const model::WorkloadView& view, base::SteadyTime now,
                                    const std::string& problem) const;

  const Sources sources_;
  const Options options_;
  const base::Clock& clock_;
  telemetry::LimitCounters& limits_;
  const base::SteadyTime started_;
  mutable base::Mutex mutex_;
  std::map<Key, std::shared_ptr<Entry>> entries_ KGS_GUARDED_BY(mutex_);
  base::LoopThread thread_;
};

}  // namespace kgs::scaler
