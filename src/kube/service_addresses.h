// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "kube/address_index.h"

namespace kgs::kube {

/// Whose the addresses of Services are, of all namespaces. Of each Service no more is kept than its
/// namespace and its addresses. Written by the Kubernetes loop, read by any thread.
class ServiceAddresses {
 public:
  /// The namespace of the Service that has \p address, spelled as inet_ntop does; empty where
  /// Services of several have it. Nothing where none has it. UNAVAILABLE where Services are not
  /// known.
  absl::StatusOr<std::optional<std::string>> NamespaceOf(const std::string& address) const;

  /// Replaces what \p service ("team/web") has; nothing removes it.
  void Put(const std::string& service, const std::string& service_namespace,
           std::vector<std::string> addresses);
  /// Removes the Services that \p names does not have.
  void Retain(const std::unordered_set<std::string>& names);
  /// Why Services are not known; empty takes it back.
  void SetProblem(const std::string& problem);

 private:
  struct Service {
    std::string service_namespace;
    std::vector<std::string> addresses;
  };
  void Forget(const Service& service) KGS_REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  std::map<std::string, Service> services_ KGS_GUARDED_BY(mutex_);
  AddressIndex index_ KGS_GUARDED_BY(mutex_);
  std::string problem_ KGS_GUARDED_BY(mutex_) = "Services: not listed yet";
};

}  // namespace kgs::kube
