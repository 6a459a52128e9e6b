// SPDX-License-Identifier: Apache-2.0
//
// The hub's copy of what Kubernetes says of the workloads that name us: written by the Kubernetes
// loop, read by RPC handlers. A lookup costs what its workload has pods, never what the cluster
// has.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/allocation.h"
#include "model/pod.h"
#include "model/scale_target.h"
#include "model/scaled_object.h"

namespace kgs::kube {

using PodPtr = std::shared_ptr<const model::Pod>;

/// A workload at one moment.
struct Workload {
  /// Never null.
  std::shared_ptr<const model::ScaledObject> object;
  /// Null where problem says why, and for a ScaledJob.
  std::shared_ptr<const model::ScaleTarget> target;
  /// Why its target or its pods are not known, in stable words; then there are no pods. Else empty.
  std::string problem;
  /// By name: all pods of the namespace that the target's selector selects (of a ScaledJob: its
  /// label scaledjob.keda.sh/name; of a LeaderWorkerSet: all pods of all its groups, since its own
  /// selector means the leaders only).
  std::vector<PodPtr> pods;
};

struct StoreCounts {
  size_t scaled_objects = 0;
  size_t scaled_jobs = 0;
  size_t triggers = 0;
  /// Of all namespaces that are watched, and those of them that a tracked workload selects.
  size_t pods = 0;
  size_t workload_pods = 0;
};

/// Find and the like: any thread; a short lock, no copy but of pointers. Put..., Remove... and
/// Set...: the Kubernetes loop only.
class Store {
 public:
  /// \p on_workload_pod is called without the lock, on the loop, for a pod of a tracked workload
  /// that is new there or of which anything changed.
  Store(const base::Clock& clock, std::function<void(const PodPtr&)> on_workload_pod);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Nothing where no such object names us.
  std::optional<Workload> Find(const model::ObjectKey& key) const;
  /// Without its pods. Null where no such object names us.
  std::shared_ptr<const model::ScaledObject> FindObject(const model::ObjectKey& key) const;
  std::vector<std::shared_ptr<const model::ScaledObject>> Objects() const;
  /// The UUID that a ResourceSlice gives to a device; nothing where there is no such slice.
  /// UNAVAILABLE where that is not known: two slices differ, or none has been read yet.
  absl::StatusOr<std::optional<std::string>> UuidOf(const model::DraDevice& device) const;
  /// Whether the pod is known to hold nothing any more, whatever a kubelet lists (one before 1.34
  /// goes on listing ended pods): it has ended, or was deleted a while ago. False for a pod of a
  /// namespace that is not watched.
  bool HasEnded(const model::PodName& name) const;
  /// The namespace of the pod that has this IP address, spelled as Kubernetes does; empty where
  /// pods of several have it (that of a node). Nothing where no pod is known to: only status.podIP
  /// counts, only of pods that have not ended, and only of namespaces that are watched, which are
  /// those with an object that names us. Services' addresses: Cluster::NamespaceOfAddress.
  std::optional<std::string> NamespaceOfAddress(const std::string& address) const;
  StoreCounts Counts() const;

  void PutObject(std::shared_ptr<const model::ScaledObject> object);
  void RemoveObject(const model::ObjectKey& key);
  /// Kept only while an object scales it. Takes back its problem.
  void PutTarget(std::shared_ptr<const model::ScaleTarget> target);
  /// From then on "not found". \p ref without its resource and version counts.
  void RemoveTarget(const std::string& target_namespace, const model::TargetRef& ref);
  /// Why this target is not known: "apps/v1 Deployment web: not found". Empty takes it back.
  void SetTargetProblem(const std::string& target_namespace, const model::TargetRef& ref,
                        const std::string& problem);
  /// Fills in seen_started and seen_replacing from what was there before, or was until it was
  /// removed within the last 10 minutes.
  void PutPod(model::Pod pod);
  /// A pod of another uid than \p uid stays: an event of the earlier one came late.
  void RemovePod(const model::PodName& name, const std::string& uid);
  /// Removes the pods of one namespace that \p names does not have: what a list no longer names, or
  /// all where nothing needs them any more.
  void RetainPods(const std::string& pod_namespace, const std::unordered_set<std::string>& names);
  /// Why nothing of the workloads of this namespace can be relied on (a list is not there yet, the
  /// API server is out of reach); empty takes it back.
  void SetNamespaceProblem(const std::string& object_namespace, const std::string& problem);
  /// Replaces what is known of one ResourceSlice: by device, the UUID. A device to which two slices
  /// give different UUIDs has none.
  void PutSlice(const std::string& slice, std::vector<std::pair<model::DraDevice, std::string>>);
  void RemoveSlice(const std::string& slice);
  /// Why what slices say is not known; empty takes it back.
  void SetSlicesProblem(const std::string& problem);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kgs::kube
