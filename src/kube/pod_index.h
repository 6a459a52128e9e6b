// SPDX-License-Identifier: Apache-2.0
//
// The pods of one namespace, joined with the selectors of its workloads as both come and go. A pod
// costs its labels, never the number of selectors; a new selector costs the pods that have one of
// its labels. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kube/packed_pod.h"
#include "model/label_selector.h"
#include "model/pod.h"

namespace kgs::kube {

using PodPtr = std::shared_ptr<const model::Pod>;

/// What one workload selects. Stays where it is between Select and Unselect.
class Selection {
 public:
  Selection() = default;
  Selection(const Selection&) = delete;
  Selection& operator=(const Selection&) = delete;

  /// Nothing while not selecting.
  const std::optional<model::LabelSelector>& selector() const { return selector_; }
  /// By name.
  const std::map<std::string, PodPtr>& pods() const { return pods_; }

 private:
  friend class PodIndex;
  std::optional<model::LabelSelector> selector_;
  /// Of the label that it is found by; nothing where none is needed for certain.
  std::optional<uint64_t> hash_;
  std::map<std::string, PodPtr> pods_;
};

class PodIndex {
 public:
  /// The pod if it is selected, and is new there or differs from before; else null.
  PodPtr Put(const model::Pod& pod);
  /// Null where there is no such pod. Cheap for one that is selected.
  PodPtr Get(const std::string& name) const;
  void Remove(const std::string& name);
  /// The names of those that \p names does not have.
  std::vector<std::string> NamesBeyond(const std::unordered_set<std::string>& names) const;

  /// Returns the pods it finds. \p selection selects nothing before.
  std::vector<PodPtr> Select(Selection& selection, model::LabelSelector selector);
  void Unselect(Selection& selection);

  size_t pods() const { return pods_.size(); }
  size_t selected_pods() const { return selected_pods_; }

 private:
  /// Has one of the two: pod while selected, packed while not.
  struct Entry {
    PodPtr pod;
    PackedPod packed;
    std::vector<Selection*> selections;

    model::Pod Unpacked() const { return pod == nullptr ? packed.Unpack() : *pod; }
  };
  using Pods = std::unordered_map<std::string, Entry>;

  std::vector<Selection*> SelectionsOf(const model::Labels& labels) const;
  void AddTo(Selection& selection, Pods::value_type& pod, std::vector<PodPtr>& found);
  void AddLabels(const model::Labels& labels, Pods::value_type& pod);
  void RemoveLabels(const model::Labels& labels, Pods::value_type& pod);

  Pods pods_;
  size_t selected_pods_ = 0;
  std::unordered_map<uint64_t, std::vector<Pods::value_type*>> pods_by_label_;
  std::unordered_map<uint64_t, std::vector<Selection*>> selections_by_label_;
  /// Those that no one label is needed for.
  std::vector<Selection*> other_selections_;
};

}  // namespace kgs::kube
