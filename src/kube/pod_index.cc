// SPDX-License-Identifier: Apache-2.0
#include "kube/pod_index.h"

#include <algorithm>
#include <utility>

namespace kgs::kube {
namespace {

/// Whether a pod needs one certain label for this to hold.
bool IsEquality(const model::LabelRequirement& requirement) {
  return requirement.op == model::LabelRequirement::Operator::kIn && requirement.values.size() == 1;
}

uint64_t HashOf(const model::LabelRequirement& equality) {
  return LabelHash(equality.key, equality.values.front());
}

/// The latest are looked for most, so from the back. The order does not stay.
template <typename T>
void EraseOne(std::vector<T*>& all, T* one) {
  const auto found = std::find(all.rbegin(), all.rend(), one);
  if (found == all.rend()) return;
  std::swap(*found, all.back());
  all.pop_back();
}

template <typename T>
void EraseOne(std::unordered_map<uint64_t, std::vector<T*>>& all, uint64_t hash, T* one) {
  const auto found = all.find(hash);
  if (found == all.end()) return;
  EraseOne(found->second, one);
  if (found->second.empty()) all.erase(found);
}

template <typename T>
size_t SizeAt(const std::unordered_map<uint64_t, std::vector<T*>>& all, uint64_t hash) {
  const auto found = all.find(hash);
  return found == all.end() ? 0 : found->second.size();
}

/// Of the equalities of \p selector the one of which \p all has least; nothing where it has none.
template <typename T>
std::optional<uint64_t> RarestHash(const model::LabelSelector& selector,
                                   const std::unordered_map<uint64_t, std::vector<T*>>& all) {
  std::optional<uint64_t> rarest;
  for (const model::LabelRequirement& requirement : selector.requirements) {
    if (!IsEquality(requirement)) continue;
    const uint64_t hash = HashOf(requirement);
    if (!rarest || SizeAt(all, hash) < SizeAt(all, *rarest)) rarest = hash;
  }
  return rarest;
}

bool Has(const std::vector<Selection*>& selections, const Selection* one) {
  return std::find(selections.begin(), selections.end(), one) != selections.end();
}

}  // namespace

PodPtr PodIndex::Put(const model::Pod& pod) {
  const auto [place, is_new] = pods_.try_emplace(pod.name.name);
  Entry& entry = place->second;
  PackedPod packed(pod);
  if (is_new) {
    AddLabels(pod.labels, *place);
  } else {
    if (packed == (entry.pod == nullptr ? entry.packed : PackedPod(*entry.pod))) return nullptr;
    const model::Labels labels = entry.Unpacked().labels;
    if (labels != pod.labels) {
      RemoveLabels(labels, *place);
      AddLabels(pod.labels, *place);
    }
  }
  std::vector<Selection*> selections = SelectionsOf(pod.labels);
  for (Selection* selection : entry.selections) {
    if (!Has(selections, selection)) selection->pods_.erase(pod.name.name);
  }
  if (!entry.selections.empty()) --selected_pods_;
  entry.selections = std::move(selections);
  if (entry.selections.empty()) {
    entry.pod = nullptr;
    entry.packed = std::move(packed);
    return nullptr;
  }
  ++selected_pods_;
  entry.packed = PackedPod();
  entry.pod = std::make_shared<model::Pod>(pod);
  for (Selection* selection : entry.selections) selection->pods_[pod.name.name] = entry.pod;
  return entry.pod;
}

PodPtr PodIndex::Get(const std::string& name) const {
  const auto found = pods_.find(name);
  if (found == pods_.end()) return nullptr;
  const Entry& entry = found->second;
  return entry.pod ? entry.pod : std::make_shared<const model::Pod>(entry.packed.Unpack());
}

void PodIndex::Remove(const std::string& name) {
  const auto found = pods_.find(name);
  if (found == pods_.end()) return;
  Entry& entry = found->second;
  RemoveLabels(entry.Unpacked().labels, *found);
  for (Selection* selection : entry.selections) selection->pods_.erase(found->first);
  if (!entry.selections.empty()) --selected_pods_;
  pods_.erase(found);
}

std::vector<std::string> PodIndex::NamesBeyond(const std::unordered_set<std::string>& names) const {
  std::vector<std::string> beyond;
  for (const auto& [name, entry] : pods_) {
    if (names.count(name) == 0) beyond.push_back(name);
  }
  return beyond;
}

std::vector<PodPtr> PodIndex::Select(Selection& selection, model::LabelSelector selector) {
  selection.hash_ = RarestHash(selector, selections_by_label_);
  if (selection.hash_) {
    selections_by_label_[*selection.hash_].push_back(&selection);
  } else {
    other_selections_.push_back(&selection);
  }
  std::vector<PodPtr> found;
  const auto consider = [&](Pods::value_type& pod) {
    if (selector.Matches(pod.second.Unpacked().labels)) AddTo(selection, pod, found);
  };
  if (const std::optional<uint64_t> rarest = RarestHash(selector, pods_by_label_)) {
    const auto candidates = pods_by_label_.find(*rarest);
    if (candidates != pods_by_label_.end()) {
      for (Pods::value_type* pod : candidates->second) consider(*pod);
    }
  } else {
    for (Pods::value_type& pod : pods_) consider(pod);
  }
  selection.selector_ = std::move(selector);
  return found;
}

void PodIndex::Unselect(Selection& selection) {
  if (!selection.selector_) return;
  if (selection.hash_) {
    EraseOne(selections_by_label_, *selection.hash_, &selection);
  } else {
    EraseOne(other_selections_, &selection);
  }
  for (const auto& [name, pod] : selection.pods_) {
    Entry& entry = pods_.find(name)->second;
    EraseOne(entry.selections, &selection);
    if (!entry.selections.empty()) continue;
    --selected_pods_;
    entry.packed = PackedPod(*entry.pod);
    entry.pod = nullptr;
  }
  selection.pods_.clear();
  selection.hash_.reset();
  selection.selector_.reset();
}

std::vector<Selection*> PodIndex::SelectionsOf(const model::Labels& labels) const {
  std::vector<Selection*> selections;
  const auto consider = [&](Selection* selection) {
    if (selection->selector_->Matches(labels) && !Has(selections, selection)) {
      selections.push_back(selection);
    }
  };
  for (const auto& [key, value] : labels) {
    const auto found = selections_by_label_.find(LabelHash(key, value));
    if (found == selections_by_label_.end()) continue;
    for (Selection* selection : found->second) consider(selection);
  }
  for (Selection* selection : other_selections_) consider(selection);
  return selections;
}

void PodIndex::AddTo(Selection& selection, Pods::value_type& pod, std::vector<PodPtr>& found) {
  auto& [name, entry] = pod;
  // Two labels of one pod may have the same hash.
  if (Has(entry.selections, &selection)) return;
  if (entry.selections.empty()) {
    ++selected_pods_;
    entry.pod = std::make_shared<model::Pod>(entry.packed.Unpack());
    entry.packed = PackedPod();
  }
  entry.selections.push_back(&selection);
  selection.pods_[name] = entry.pod;
  found.push_back(entry.pod);
}

void PodIndex::AddLabels(const model::Labels& labels, Pods::value_type& pod) {
  for (const auto& [key, value] : labels) pods_by_label_[LabelHash(key, value)].push_back(&pod);
}

void PodIndex::RemoveLabels(const model::Labels& labels, Pods::value_type& pod) {
  for (const auto& [key, value] : labels) EraseOne(pods_by_label_, LabelHash(key, value), &pod);
}

}  // namespace kgs::kube
