// SPDX-License-Identifier: Apache-2.0
#include "kube/namespace_sync.h"

#include <algorithm>
#include <set>
#include <utility>

#include "kube/objects.h"

namespace kgs::kube {
namespace {

/// Leaves in \p all what \p wanted has a key of.
template <typename All, typename Wanted>
void Retain(All& all, const Wanted& wanted) {
  for (auto one = all.begin(); one != all.end();) {
    one = wanted.count(one->first) == 0 ? all.erase(one) : std::next(one);
  }
}

}  // namespace

NamespaceSync::NamespaceSync(const WatchContext& context, Store& store, std::string name)
    : context_(context), store_(store), name_(std::move(name)), pods_(context, store, name_) {
  Tick("");
}

void NamespaceSync::Put(const model::ObjectKey& key, const model::TargetRef& target) {
  objects_[key] = target;
  settled_ = false;
}

void NamespaceSync::Remove(const model::ObjectKey& key) {
  objects_.erase(key);
  settled_ = false;
}

void NamespaceSync::Settle() {
  if (std::exchange(settled_, true)) return;
  std::map<model::TargetRef, std::set<std::string>> apps;
  std::set<model::TargetRef> others;
  for (const auto& [key, target] : objects_) {
    if (key.kind == model::ObjectKind::kScaledJob) continue;
    if (AppsResource(target)) {
      model::TargetRef kind = target;
      kind.name.clear();
      apps[kind].insert(target.name);
    } else {
      others.insert(target);
    }
  }
  Retain(apps_, apps);
  Retain(polls_, others);
  for (auto& [kind, names] : apps) {
    std::unique_ptr<AppsWatch>& watch = apps_[kind];
    if (watch == nullptr) watch = std::make_unique<AppsWatch>(context_, store_, name_, kind);
    watch->SetScaled(std::move(names));
  }
  for (const model::TargetRef& target : others) {
    std::unique_ptr<ScalePoll>& poll = polls_[target];
    if (poll == nullptr) poll = std::make_unique<ScalePoll>(context_, store_, name_, target);
  }
}

bool NamespaceSync::Tick(const std::string& outer) {
  for (const auto& [kind, watch] : apps_) watch->Tick();
  for (const auto& [target, poll] : polls_) poll->Tick();
  std::string problem = outer.empty() ? pods_.Problem() : outer;
  if (problem == problem_) return false;
  problem_ = std::move(problem);
  store_.SetNamespaceProblem(name_, problem_);
  return true;
}

void NamespaceSync::Drop() {
  store_.RetainPods(name_, {});
  store_.SetNamespaceProblem(name_, "");
}

bool NamespaceSync::Tried() const {
  return settled_ && pods_.watch().Tried() &&
         std::all_of(apps_.begin(), apps_.end(),
                     [](const auto& one) { return one.second->watch().Tried(); }) &&
         std::all_of(polls_.begin(), polls_.end(),
                     [](const auto& one) { return one.second->Tried(); });
}

void NamespaceSync::AppendStates(std::vector<ReflectorState>& states) const {
  states.push_back(pods_.watch().state());
  for (const auto& [kind, watch] : apps_) states.push_back(watch->watch().state());
}

}  // namespace kgs::kube
