// SPDX-License-Identifier: Apache-2.0
//
// Decides what of Kubernetes is watched, and keeps a Store up to date with it:
// - ScaledObjects and ScaledJobs: everywhere, or in the given namespaces. Of those whose trigger
//   names us (type external or external-push, host of scalerAddress among the service names), and
//   only while there are such:
// - pods, and the apps kinds that are scaled, one watch a kind and namespace, never one a workload;
// - targets of other kinds: their /scale, once a second, since it can only be read. Their resource
//   comes from status.scaleTargetGVKR, else from discovery;
// - ResourceSlices (Dynamic Resource Allocation), where the API server serves them;
// - Services of all namespaces, for whose an address is.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kube/client/reflector.h"
#include "kube/client/transport.h"
#include "kube/store.h"
#include "telemetry/counters.h"

namespace kgs::kube {

struct ClusterOptions {
  /// A name without a dot also means its namespaced forms: NAME.NAMESPACE, NAME.NAMESPACE.svc and
  /// what follows.
  std::vector<std::string> service_names = {"keda-gpu-scaler"};
  /// Empty for all.
  std::vector<std::string> namespaces;
  /// Without word from the API server for so long, nothing is answered from the copy.
  base::Duration longest_silence = std::chrono::seconds(30);
  /// Objects that name us and are tracked; others are as if they were not there (CheckTracked).
  size_t most_objects = 20000;
};

/// Whether \p scaler_address ("keda-gpu-scaler.keda.svc:6000", "dns:///host:port", "[::1]:6000")
/// names one of \p service_names. Case does not matter, nor a dot at the end.
bool NamesService(const std::vector<std::string>& service_names, const std::string& scaler_address);

class Cluster {
 public:
  /// \p on_objects is called on the loop after the set of objects, their triggers or their
  /// problems may have changed. \p transport must be stopped before this is destroyed.
  Cluster(ClusterOptions options, Transport& transport, Store& store,
          telemetry::LimitCounters& limits, std::function<void()> on_objects);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// Any thread.
  void Start();

  /// Lists the objects again, at most once a second; less often (up to once a minute) while that
  /// brings nothing new. \p done is called on the loop when the list has ended, failed, or was not
  /// due. Any thread.
  void RefreshObjects(std::function<void()> done);

  /// RESOURCE_EXHAUSTED where Kubernetes has this object and it is one too many. Any thread.
  absl::Status CheckTracked(const model::ObjectKey& key) const;
  /// Any thread. Whether every object has been listed once, and all that the objects need has been
  /// listed or refused. Once true it stays so.
  bool Synced() const;
  /// Why nothing at all can be answered: the API server is out of reach, or no list of objects is
  /// there. Else empty. Any thread.
  std::string Problem() const;
  /// Why objects of this kind and namespace are not known: as Problem, or their own list is not
  /// there yet, is refused, or has lost touch. Else empty. Any thread.
  std::string ProblemOf(model::ObjectKind kind, const std::string& object_namespace) const;
  /// The namespace of the pod or Service that has this IP address, spelled as inet_ntop does; empty
  /// where those of several have it. Nothing where none is known to. Of pods as
  /// Store::NamespaceOfAddress, of Services all. UNAVAILABLE where Services are not known: they may
  /// not be read, or the API server is out of reach. Any thread.
  absl::StatusOr<std::optional<std::string>> NamespaceOfAddress(const std::string& address) const;
  /// Of every watch, and of the /scale polls as one. Any thread.
  std::vector<ReflectorState> Watches() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
  Transport& transport_;
};

}  // namespace kgs::kube
