// SPDX-License-Identifier: Apache-2.0
#include "kube/store.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/mutex.h"
#include "kube/address_index.h"
#include "kube/labels.h"
#include "kube/pod_index.h"
#include "kube/pod_memory.h"
#include "kube/slice_index.h"

namespace kgs::kube {
namespace {

using ObjectPtr = std::shared_ptr<const model::ScaledObject>;
using TargetPtr = std::shared_ptr<const model::ScaleTarget>;

/// Which target is meant, whatever version of its API an object names.
using TargetKey = std::tuple<std::string, std::string, std::string, std::string>;

TargetKey KeyOf(const std::string& target_namespace, const model::TargetRef& ref) {
  return {target_namespace, ref.group, ref.kind, ref.name};
}

model::LabelSelector LabelIs(const std::string& key, const std::string& value) {
  return {{{key, model::LabelRequirement::Operator::kIn, {value}}}};
}

struct Target;

struct Tracked {
  ObjectPtr object;
  /// Null for a ScaledJob.
  Target* target = nullptr;
  Selection selection;
};

struct Target {
  TargetKey key;
  /// Null until it is known.
  TargetPtr target;
  std::string problem;
  /// The objects that scale it: one, unless somebody made a mistake.
  std::vector<Tracked*> users;
};

struct Namespace {
  PodIndex pods;
  std::string problem;
  /// That are tracked in it.
  size_t objects = 0;

  bool Unused() const { return pods.pods() == 0 && problem.empty() && objects == 0; }
};

bool Ended(const model::Pod& pod) {
  return pod.phase == model::PodPhase::kSucceeded || pod.phase == model::PodPhase::kFailed;
}

/// Of a pod that has ended it is another's again.
const std::string& AddressOf(const model::Pod& pod) {
  static const std::string kNone;
  return Ended(pod) ? kNone : pod.ip;
}

/// Nothing while its target is not known.
std::optional<model::LabelSelector> SelectorOf(const Tracked& tracked) {
  if (tracked.object->key.kind == model::ObjectKind::kScaledJob) {
    return LabelIs(kScaledJobLabel, tracked.object->key.name);
  }
  const TargetPtr& target = tracked.target->target;
  if (target == nullptr) return std::nullopt;
  if (target->ref.group == kLeaderWorkerSetGroup && target->ref.kind == kLeaderWorkerSetKind) {
    return LabelIs(kLeaderWorkerSetLabel, target->ref.name);
  }
  return target->selector;
}

std::string ProblemOf(const Tracked& tracked, const Namespace& ns) {
  if (!ns.problem.empty() || tracked.target == nullptr) return ns.problem;
  if (!tracked.target->problem.empty() || tracked.target->target != nullptr) {
    return tracked.target->problem;
  }
  return tracked.object->target.Text() + ": not read yet";
}

}  // namespace

class Store::Impl {
 public:
  Impl(const base::Clock& clock, std::function<void(const PodPtr&)> on_workload_pod)
      : clock_(clock), on_workload_pod_(std::move(on_workload_pod)) {}

  std::optional<Workload> Find(const model::ObjectKey& key) const {
    base::MutexLock lock(mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) return std::nullopt;
    const Tracked& tracked = found->second;
    Workload workload;
    workload.object = tracked.object;
    workload.problem = ProblemOf(tracked, namespaces_.at(key.object_namespace));
    if (!workload.problem.empty()) return workload;
    if (tracked.target != nullptr) workload.target = tracked.target->target;
    workload.pods.reserve(tracked.selection.pods().size());
    for (const auto& [name, pod] : tracked.selection.pods()) workload.pods.push_back(pod);
    return workload;
  }

  ObjectPtr FindObject(const model::ObjectKey& key) const {
    base::MutexLock lock(mutex_);
    const auto found = objects_.find(key);
    return found == objects_.end() ? nullptr : found->second.object;
  }

  std::vector<ObjectPtr> Objects() const {
    base::MutexLock lock(mutex_);
    std::vector<ObjectPtr> objects;
    objects.reserve(objects_.size());
    for (const auto& [key, tracked] : objects_) objects.push_back(tracked.object);
    return objects;
  }

  StoreCounts Counts() const {
    base::MutexLock lock(mutex_);
    StoreCounts counts;
    for (const auto& [key, tracked] : objects_) {
      const bool job = key.kind == model::ObjectKind::kScaledJob;
      ++(job ? counts.scaled_jobs : counts.scaled_objects);
      counts.triggers += tracked.object->triggers.size();
    }
    for (const auto& [name, ns] : namespaces_) {
      counts.pods += ns.pods.pods();
      counts.workload_pods += ns.pods.selected_pods();
    }
    return counts;
  }

  absl::StatusOr<std::optional<std::string>> UuidOf(const model::DraDevice& device) const {
    base::MutexLock lock(mutex_);
    if (!slices_problem_.empty()) return absl::UnavailableError(slices_problem_);
    return slices_.UuidOf(device);
  }

  bool HasEnded(const model::PodName& name) const {
    base::MutexLock lock(mutex_);
    const auto place = namespaces_.find(name.pod_namespace);
    if (place == namespaces_.end()) return false;
    const PodPtr pod = place->second.pods.Get(name.name);
    if (!pod) return removed_.Has(name);
    return Ended(*pod);
  }

  std::optional<std::string> NamespaceOfAddress(const std::string& address) const {
    base::MutexLock lock(mutex_);
    return addresses_.NamespaceOf(address);
  }

  void SetSlicesProblem(const std::string& problem) {
    base::MutexLock lock(mutex_);
    slices_problem_ = problem;
  }

  void PutObject(ObjectPtr object) {
    std::vector<PodPtr> found;
    {
      base::MutexLock lock(mutex_);
      const auto [place, is_new] = objects_.try_emplace(object->key);
      Tracked& tracked = place->second;
      if (is_new) ++namespaces_[object->key.object_namespace].objects;
      tracked.object = std::move(object);
      AttachTarget(tracked);
      Reselect(tracked, found);
    }
    Announce(found);
  }

  void RemoveObject(const model::ObjectKey& key) {
    base::MutexLock lock(mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) return;
    Namespace& ns = namespaces_.at(key.object_namespace);
    ns.pods.Unselect(found->second.selection);
    DetachTarget(found->second);
    objects_.erase(found);
    --ns.objects;
    DropIfUnused(key.object_namespace);
  }

  void PutTarget(TargetPtr target) {
    std::vector<PodPtr> found;
    {
      base::MutexLock lock(mutex_);
      const auto place = targets_.find(KeyOf(target->target_namespace, target->ref));
      if (place == targets_.end()) return;
      place->second.target = std::move(target);
      place->second.problem.clear();
      for (Tracked* user : place->second.users) Reselect(*user, found);
    }
    Announce(found);
  }

  void RemoveTarget(const std::string& target_namespace, const model::TargetRef& ref) {
    base::MutexLock lock(mutex_);
    const auto place = targets_.find(KeyOf(target_namespace, ref));
    if (place == targets_.end()) return;
    Target& target = place->second;
    target.target = nullptr;
    target.problem = target.users.front()->object->target.Text() + ": not found";
    std::vector<PodPtr> none;
    for (Tracked* user : target.users) Reselect(*user, none);
  }

  void SetTargetProblem(const std::string& target_namespace, const model::TargetRef& ref,
                        const std::string& problem) {
    base::MutexLock lock(mutex_);
    const auto place = targets_.find(KeyOf(target_namespace, ref));
    if (place != targets_.end()) place->second.problem = problem;
  }

  void PutPod(model::Pod pod) {
    PodPtr changed;
    {
      base::MutexLock lock(mutex_);
      PodIndex& pods = namespaces_[pod.name.pod_namespace].pods;
      const PodPtr before = pods.Get(pod.name.name);
      Remember(before, pod);
      MoveAddress(before ? AddressOf(*before) : std::string(), pod);
      changed = pods.Put(pod);
    }
    if (changed != nullptr) on_workload_pod_(changed);
  }

  void RemovePod(const model::PodName& name, const std::string& uid) {
    base::MutexLock lock(mutex_);
    const auto place = namespaces_.find(name.pod_namespace);
    if (place == namespaces_.end()) return;
    const PodPtr pod = place->second.pods.Get(name.name);
    if (!pod || pod->uid != uid) return;
    Remove(place->second.pods, *pod);
    DropIfUnused(name.pod_namespace);
  }

  void RetainPods(const std::string& pod_namespace, const std::unordered_set<std::string>& names) {
    // One by one, so that readers need not wait for a whole namespace.
    for (const std::string& name : NamesBeyond(pod_namespace, names)) {
      base::MutexLock lock(mutex_);
      PodIndex& pods = namespaces_.at(pod_namespace).pods;
      Remove(pods, *pods.Get(name));
      DropIfUnused(pod_namespace);
    }
  }

  void SetNamespaceProblem(const std::string& object_namespace, const std::string& problem) {
    base::MutexLock lock(mutex_);
    namespaces_[object_namespace].problem = problem;
    DropIfUnused(object_namespace);
  }

  void PutSlice(const std::string& slice,
                std::vector<std::pair<model::DraDevice, std::string>> devices) {
    base::MutexLock lock(mutex_);
    slices_.Put(slice, std::move(devices));
  }

  void RemoveSlice(const std::string& slice) {
    base::MutexLock lock(mutex_);
    slices_.Put(slice, {});
  }

 private:
  void Announce(const std::vector<PodPtr>& pods) const {
    for (const PodPtr& pod : pods) on_workload_pod_(pod);
  }

  /// Follows the object to the target that it names now.
  void AttachTarget(Tracked& tracked) KGS_REQUIRES(mutex_) {
    const model::ScaledObject& object = *tracked.object;
    if (object.key.kind == model::ObjectKind::kScaledJob) return;
    const TargetKey key = KeyOf(object.key.object_namespace, object.target);
    Target& target = targets_[key];
    target.key = key;
    if (&target == tracked.target) return;
    target.users.push_back(&tracked);
    DetachTarget(tracked);
    tracked.target = &target;
  }

  void DetachTarget(Tracked& tracked) KGS_REQUIRES(mutex_) {
    if (tracked.target == nullptr) return;
    std::vector<Tracked*>& users = tracked.target->users;
    users.erase(std::find(users.begin(), users.end(), &tracked));
    if (users.empty()) targets_.erase(TargetKey(tracked.target->key));
    tracked.target = nullptr;
  }

  void Reselect(Tracked& tracked, std::vector<PodPtr>& found) KGS_REQUIRES(mutex_) {
    std::optional<model::LabelSelector> selector = SelectorOf(tracked);
    if (selector == tracked.selection.selector()) return;
    PodIndex& pods = namespaces_.at(tracked.object->key.object_namespace).pods;
    pods.Unselect(tracked.selection);
    if (!selector) return;
    const std::vector<PodPtr> selected = pods.Select(tracked.selection, *std::move(selector));
    found.insert(found.end(), selected.begin(), selected.end());
  }

  void MoveAddress(const std::string& before, const model::Pod& pod) KGS_REQUIRES(mutex_) {
    const std::string& address = AddressOf(pod);
    if (address == before) return;
    addresses_.Remove(before, pod.name.pod_namespace);
    addresses_.Add(address, pod.name.pod_namespace);
  }

  void Remember(const PodPtr& before, model::Pod& pod) KGS_REQUIRES(mutex_) {
    const base::SteadyTime now = clock_.Now();
    std::optional<PodMemory> memory = removed_.Take(pod.name, now);
    if (before) {
      memory = PodMemory{before->uid, before->seen_started, before->seen_replacing};
    }
    pod.seen_started.reset();
    pod.seen_replacing.reset();
    if (memory && memory->uid == pod.uid) {
      pod.seen_started = memory->seen_started;
      pod.seen_replacing = memory->seen_replacing;
    } else if (memory) {
      pod.seen_replacing = now;
    }
    if (pod.started_unix_seconds && !pod.seen_started) pod.seen_started = now;
  }

  std::vector<std::string> NamesBeyond(const std::string& pod_namespace,
                                       const std::unordered_set<std::string>& names) const {
    base::MutexLock lock(mutex_);
    const auto found = namespaces_.find(pod_namespace);
    if (found == namespaces_.end()) return {};
    return found->second.pods.NamesBeyond(names);
  }

  void Remove(PodIndex& pods, const model::Pod& pod) KGS_REQUIRES(mutex_) {
    removed_.Add(pod.name, {pod.uid, pod.seen_started, pod.seen_replacing}, clock_.Now());
    addresses_.Remove(AddressOf(pod), pod.name.pod_namespace);
    pods.Remove(pod.name.name);
  }

  void DropIfUnused(const std::string& name) KGS_REQUIRES(mutex_) {
    const auto found = namespaces_.find(name);
    if (found != namespaces_.end() && found->second.Unused()) namespaces_.erase(found);
  }

  const base::Clock& clock_;
  const std::function<void(const PodPtr&)> on_workload_pod_;
  mutable base::Mutex mutex_;
  std::map<model::ObjectKey, Tracked> objects_ KGS_GUARDED_BY(mutex_);
  std::map<TargetKey, Target> targets_ KGS_GUARDED_BY(mutex_);
  std::map<std::string, Namespace> namespaces_ KGS_GUARDED_BY(mutex_);
  AddressIndex addresses_ KGS_GUARDED_BY(mutex_);
  RemovedPods removed_ KGS_GUARDED_BY(mutex_);
  SliceIndex slices_ KGS_GUARDED_BY(mutex_);
  std::string slices_problem_ KGS_GUARDED_BY(mutex_);
};

Store::Store(const base::Clock& clock, std::function<void(const PodPtr&)> on_workload_pod)
    : impl_(std::make_unique<Impl>(clock, std::move(on_workload_pod))) {}
Store::~Store() = default;

std::optional<Workload> Store::Find(const model::ObjectKey& key) const { return impl_->Find(key); }
std::shared_ptr<const model::ScaledObject> Store::FindObject(const model::ObjectKey& key) const {
  return impl_->FindObject(key);
}
std::vector<std::shared_ptr<const model::ScaledObject>> Store::Objects() const {
  return impl_->Objects();
}
absl::StatusOr<std::optional<std::string>> Store::UuidOf(const model::DraDevice& device) const {
  return impl_->UuidOf(device);
}
std::optional<std::string> Store::NamespaceOfAddress(const std::string& address) const {
  return impl_->NamespaceOfAddress(address);
}
bool Store::HasEnded(const model::PodName& name) const { return impl_->HasEnded(name); }
void Store::SetSlicesProblem(const std::string& problem) { impl_->SetSlicesProblem(problem); }
StoreCounts Store::Counts() const { return impl_->Counts(); }
void Store::PutObject(std::shared_ptr<const model::ScaledObject> object) {
  impl_->PutObject(std::move(object));
}
void Store::RemoveObject(const model::ObjectKey& key) { impl_->RemoveObject(key); }
void Store::PutTarget(std::shared_ptr<const model::ScaleTarget> target) {
  impl_->PutTarget(std::move(target));
}
void Store::RemoveTarget(const std::string& target_namespace, const model::TargetRef& ref) {
  impl_->RemoveTarget(target_namespace, ref);
}
void Store::SetTargetProblem(const std::string& target_namespace, const model::TargetRef& ref,
                             const std::string& problem) {
  impl_->SetTargetProblem(target_namespace, ref, problem);
}
void Store::PutPod(model::Pod pod) { impl_->PutPod(std::move(pod)); }
void Store::RemovePod(const model::PodName& name, const std::string& uid) {
  impl_->RemovePod(name, uid);
}
void Store::RetainPods(const std::string& pod_namespace,
                       const std::unordered_set<std::string>& names) {
  impl_->RetainPods(pod_namespace, names);
}
void Store::SetNamespaceProblem(const std::string& object_namespace, const std::string& problem) {
  impl_->SetNamespaceProblem(object_namespace, problem);
}
void Store::PutSlice(const std::string& slice,
                     std::vector<std::pair<model::DraDevice, std::string>> devices) {
  impl_->PutSlice(slice, std::move(devices));
}
void Store::RemoveSlice(const std::string& slice) { impl_->RemoveSlice(slice); }

}  // namespace kgs::kube
