// SPDX-License-Identifier: Apache-2.0
#include "kube/cluster.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/latest.h"
#include "base/log.h"
#include "kube/namespace_sync.h"
#include "kube/object_limit.h"
#include "kube/object_watch.h"
#include "kube/refresh_pace.h"
#include "kube/server_contact.h"
#include "kube/service_watch.h"
#include "kube/slice_watch.h"

namespace kgs::kube {
namespace {

constexpr base::Duration kTick = std::chrono::seconds(1);
/// Gathers what changes at about the same time: hundreds of watches begin together.
constexpr base::Duration kSettleDelay = std::chrono::milliseconds(10);

/// What is the matter with one watch of objects.
struct ObjectsProblem {
  model::ObjectKind kind;
  /// Empty for all.
  std::string watched_namespace;
  /// Empty where all is well.
  std::string problem;
};

/// What other threads see.
struct Published {
  bool synced = false;
  /// Of the API server as a whole.
  std::string contact_problem = "ScaledObjects: not listed yet";
  std::vector<ObjectsProblem> objects;
  std::vector<ReflectorState> watches;

  std::string Problem() const;
  std::string ProblemOf(model::ObjectKind kind, const std::string& object_namespace) const;
};

std::string Published::Problem() const {
  if (!contact_problem.empty()) return contact_problem;
  for (const ObjectsProblem& one : objects) {
    if (one.problem.empty()) return "";
  }
  return objects.empty() ? "" : objects.front().problem;
}

std::string Published::ProblemOf(model::ObjectKind kind,
                                 const std::string& object_namespace) const {
  if (!contact_problem.empty()) return contact_problem;
  for (const ObjectsProblem& one : objects) {
    const bool covers = one.watched_namespace.empty() || one.watched_namespace == object_namespace;
    if (one.kind == kind && covers) return one.problem;
  }
  return "";
}

/// All polls as one: as good as the worst of them.
class PollSummary {
 public:
  PollSummary() {
    state_.name = "scale polls";
    state_.synced = state_.live = true;
  }
  void Add(const ScalePoll& poll) {
    const ReflectorState& one = poll.state();
    any_ = true;
    state_.synced = state_.synced && one.synced;
    state_.live = state_.live && one.live;
    if (state_.problem.empty()) state_.problem = one.problem;
    state_.lists += one.lists;
    state_.events += one.events;
    if (!one.last_contact) {
      never_ = true;
    } else if (!state_.last_contact || *one.last_contact < *state_.last_contact) {
      state_.last_contact = one.last_contact;
    }
  }
  std::optional<ReflectorState> State() const {
    if (!any_) return std::nullopt;
    ReflectorState state = state_;
    if (never_) state.last_contact.reset();
    return state;
  }

 private:
  bool any_ = false;
  bool never_ = false;
  ReflectorState state_;
};

}  // namespace

/// Except for those that any thread may call: on the loop's thread. Events of watches only note
/// what changed; Settle, on a timer of its own, then starts and ends watches.
class Cluster::Impl {
 public:
  Impl(ClusterOptions options, Transport& transport, Store& store, telemetry::LimitCounters& limits,
       std::function<void()> on_objects)
      : options_(std::move(options)),
        transport_(transport),
        store_(store),
        limits_(limits),
        limit_(options_.most_objects),
        on_objects_(std::move(on_objects)) {
    published_.Set(std::make_shared<const Published>());
  }

  void Start();
  void Refresh(std::function<void()> done);
  std::shared_ptr<const Published> Get() const { return published_.Get(); }
  absl::StatusOr<std::optional<std::string>> NamespaceOfAddress(const std::string& address) const;
  const ObjectLimit& limit() const { return limit_; }

 private:
  void StartWatch(model::ObjectKind kind, const std::string& object_namespace);
  bool MayTrack(const model::ObjectKey& key);
  void PutObject(model::ScaledObject object);
  void RemoveObject(const model::ObjectKey& key);
  void EndRefresh();

  void SettleSoon();
  void Settle();
  /// What is watched in all namespaces, while there is any object.
  void SettleClusterWide();
  void Tick();
  void Publish();
  bool Tried() const;

  const ClusterOptions options_;
  Transport& transport_;
  Store& store_;
  telemetry::LimitCounters& limits_;
  ObjectLimit limit_;
  const std::function<void()> on_objects_;
  base::Latest<Published> published_;

  std::optional<ServerContact> contact_;
  std::optional<WatchContext> context_;
  std::vector<std::unique_ptr<ObjectWatch>> objects_;
  std::map<std::string, std::unique_ptr<NamespaceSync>> namespaces_;
  std::unique_ptr<SliceWatch> slices_;
  ServiceAddresses service_addresses_;
  std::unique_ptr<ServiceWatch> services_;

  /// Of objects that name us, since the start.
  uint64_t changes_ = 0;
  /// Something since on_objects_ was called last.
  bool news_ = false;
  bool synced_ = false;
  /// All of what was published last.
  std::string problems_;

  RefreshPace pace_;
  std::vector<std::function<void()>> refreshing_;
  size_t lists_under_way_ = 0;
  uint64_t changes_before_refresh_ = 0;

  std::unique_ptr<Request> settle_timer_;
  std::unique_ptr<Request> tick_timer_;
};

void Cluster::Impl::Start() {
  if (contact_) return;
  contact_.emplace(transport_, options_.longest_silence);
  context_.emplace(
      WatchContext{transport_, *contact_, options_.longest_silence, [this] { SettleSoon(); }});
  std::set<std::string> namespaces(options_.namespaces.begin(), options_.namespaces.end());
  if (namespaces.empty()) namespaces.insert("");
  for (const std::string& one : namespaces) {
    StartWatch(model::ObjectKind::kScaledObject, one);
    StartWatch(model::ObjectKind::kScaledJob, one);
  }
  Tick();
}

void Cluster::Impl::StartWatch(model::ObjectKind kind, const std::string& object_namespace) {
  ObjectEvents events;
  events.names_us = [this](const std::string& address) {
    return NamesService(options_.service_names, address);
  };
  events.on_put = [this](model::ScaledObject object) { PutObject(std::move(object)); };
  events.on_removed = [this](const model::ObjectKey& key) { RemoveObject(key); };
  objects_.push_back(
      std::make_unique<ObjectWatch>(*context_, kind, object_namespace, std::move(events)));
}

bool Cluster::Impl::MayTrack(const model::ObjectKey& key) {
  bool is_news = false;
  const bool taken = limit_.Take(key, &is_news);
  if (is_news) {
    limits_.Add(telemetry::Limit::kObjects);
    base::LogWarn("an object is not tracked, since there are too many (--max-objects)",
                  {{"object", key.Text()}, {"limit", std::to_string(limit_.most())}});
  }
  return taken;
}

void Cluster::Impl::PutObject(model::ScaledObject object) {
  const auto before = store_.FindObject(object.key);
  if (before != nullptr && *before == object) return;
  if (before == nullptr && !MayTrack(object.key)) return;
  ++changes_;
  news_ = true;
  // First: it says of the namespace that nothing is known yet.
  const std::string& name = object.key.object_namespace;
  std::unique_ptr<NamespaceSync>& sync = namespaces_[name];
  if (sync == nullptr) sync = std::make_unique<NamespaceSync>(*context_, store_, name);
  sync->Put(object.key, object.target);
  store_.PutObject(std::make_shared<const model::ScaledObject>(std::move(object)));
  SettleSoon();
}

void Cluster::Impl::RemoveObject(const model::ObjectKey& key) {
  limit_.Drop(key, store_.FindObject(key) != nullptr);
  ++changes_;
  news_ = true;
  store_.RemoveObject(key);
  const auto sync = namespaces_.find(key.object_namespace);
  if (sync != namespaces_.end()) sync->second->Remove(key);
  SettleSoon();
}

void Cluster::Impl::Refresh(std::function<void()> done) {
  if (lists_under_way_ > 0) {
    refreshing_.push_back(std::move(done));
    return;
  }
  if (objects_.empty() || !pace_.Due(transport_.Now())) {
    done();
    return;
  }
  refreshing_.push_back(std::move(done));
  lists_under_way_ = objects_.size();
  changes_before_refresh_ = changes_;
  for (const auto& objects : objects_) {
    objects->watch().Relist([this] {
      if (--lists_under_way_ == 0) EndRefresh();
    });
  }
}

void Cluster::Impl::EndRefresh() {
  pace_.Ended(transport_.Now(), changes_ != changes_before_refresh_);
  for (const auto& done : std::exchange(refreshing_, {})) done();
}

void Cluster::Impl::SettleSoon() {
  if (settle_timer_ != nullptr) return;
  settle_timer_ = transport_.After(kSettleDelay, [this] {
    settle_timer_.reset();
    Settle();
  });
}

void Cluster::Impl::Settle() {
  for (auto sync = namespaces_.begin(); sync != namespaces_.end();) {
    if (sync->second->empty()) {
      sync->second->Drop();
      sync = namespaces_.erase(sync);
    } else {
      sync->second->Settle();
      ++sync;
    }
  }
  SettleClusterWide();
  for (const auto& [name, sync] : namespaces_) {
    if (sync->Tick(contact_->Problem())) news_ = true;
  }
  Publish();
  if (std::exchange(news_, false)) on_objects_();
}

void Cluster::Impl::SettleClusterWide() {
  if (namespaces_.empty() && slices_ != nullptr) {
    slices_->Drop();
    slices_.reset();
    services_.reset();
  } else if (!namespaces_.empty() && slices_ == nullptr) {
    slices_ = std::make_unique<SliceWatch>(*context_, store_);
    store_.SetSlicesProblem("ResourceSlices have not been listed yet");
    services_ = std::make_unique<ServiceWatch>(*context_, service_addresses_);
  }
  if (services_ != nullptr) services_->Tick();
}

absl::StatusOr<std::optional<std::string>> Cluster::Impl::NamespaceOfAddress(
    const std::string& address) const {
  const auto service = service_addresses_.NamespaceOf(address);
  if (!service.ok()) return service.status();
  const std::optional<std::string> pod = store_.NamespaceOfAddress(address);
  if (!pod) return *service;
  // A load balancer may give out the address of a node.
  const bool shared = service->has_value() && **service != *pod;
  return shared ? std::string() : *pod;
}

void Cluster::Impl::Tick() {
  tick_timer_ = transport_.After(kTick, [this] { Tick(); });
  // A list has them all.
  if (limit_.HasRoomForRefused()) Refresh([] {});
  contact_->Tick();
  Settle();
}

bool Cluster::Impl::Tried() const {
  bool any = false;
  for (const auto& objects : objects_) {
    const ReflectorState& state = objects->watch().state();
    any = any || state.synced;
    // One that is refused may stay so; its own objects have their problem.
    if (!state.synced && state.problem.empty()) return false;
  }
  if (!any) return false;
  for (const auto& [name, sync] : namespaces_) {
    if (!sync->Tried()) return false;
  }
  return slices_ == nullptr || (slices_->Tried() && services_->Tried());
}

void Cluster::Impl::Publish() {
  auto published = std::make_shared<Published>();
  // Once is enough: a new namespace is a problem of its own objects, not of the whole.
  synced_ = synced_ || Tried();
  published->synced = synced_;
  published->contact_problem = contact_->Problem();
  PollSummary polls;
  for (const auto& objects : objects_) {
    published->watches.push_back(objects->watch().state());
    published->objects.push_back(
        {objects->kind(), objects->watched_namespace(), objects->watch().Problem()});
  }
  for (const auto& [name, sync] : namespaces_) {
    sync->AppendStates(published->watches);
    for (const auto& [target, poll] : sync->polls()) polls.Add(*poll);
  }
  if (slices_ != nullptr && slices_->watch() != nullptr) {
    published->watches.push_back(slices_->watch()->state());
  }
  if (services_ != nullptr) published->watches.push_back(services_->state());
  if (const std::optional<ReflectorState> state = polls.State()) {
    published->watches.push_back(*state);
  }
  store_.SetSlicesProblem(
      slices_ != nullptr && !slices_->Tried() ? "ResourceSlices have not been listed yet" : "");
  std::string problems = published->contact_problem;
  for (const ObjectsProblem& one : published->objects) problems += "\n" + one.problem;
  if (std::exchange(problems_, problems) != problems) news_ = true;
  published_.Set(std::move(published));
}

Cluster::Cluster(ClusterOptions options, Transport& transport, Store& store,
                 telemetry::LimitCounters& limits, std::function<void()> on_objects)
    : impl_(std::make_unique<Impl>(std::move(options), transport, store, limits,
                                   std::move(on_objects))),
      transport_(transport) {}
Cluster::~Cluster() = default;

void Cluster::Start() {
  transport_.Post([this] { impl_->Start(); });
}

void Cluster::RefreshObjects(std::function<void()> done) {
  transport_.Post([this, done = std::move(done)]() mutable { impl_->Refresh(std::move(done)); });
}

absl::Status Cluster::CheckTracked(const model::ObjectKey& key) const {
  if (!impl_->limit().IsRefused(key)) return absl::OkStatus();
  return absl::ResourceExhaustedError(key.Text() + ": not tracked, since there are more than " +
                                      std::to_string(impl_->limit().most()) +
                                      " objects (--max-objects)");
}
bool Cluster::Synced() const { return impl_->Get()->synced; }
std::string Cluster::Problem() const { return impl_->Get()->Problem(); }
std::string Cluster::ProblemOf(model::ObjectKind kind, const std::string& object_namespace) const {
  return impl_->Get()->ProblemOf(kind, object_namespace);
}
absl::StatusOr<std::optional<std::string>> Cluster::NamespaceOfAddress(
    const std::string& address) const {
  return impl_->NamespaceOfAddress(address);
}
std::vector<ReflectorState> Cluster::Watches() const { return impl_->Get()->watches; }

}  // namespace kgs::kube
