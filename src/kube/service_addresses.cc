// SPDX-License-Identifier: Apache-2.0
#include "kube/service_addresses.h"

#include <absl/status/status.h>

#include <utility>

namespace kgs::kube {

absl::StatusOr<std::optional<std::string>> ServiceAddresses::NamespaceOf(
    const std::string& address) const {
  base::MutexLock lock(mutex_);
  if (!problem_.empty()) return absl::UnavailableError(problem_);
  return index_.NamespaceOf(address);
}

void ServiceAddresses::Put(const std::string& service, const std::string& service_namespace,
                           std::vector<std::string> addresses) {
  base::MutexLock lock(mutex_);
  if (const auto before = services_.find(service); before != services_.end()) {
    Forget(before->second);
    services_.erase(before);
  }
  if (addresses.empty()) return;
  for (const std::string& address : addresses) index_.Add(address, service_namespace);
  services_.emplace(service, Service{service_namespace, std::move(addresses)});
}

void ServiceAddresses::Retain(const std::unordered_set<std::string>& names) {
  base::MutexLock lock(mutex_);
  for (auto service = services_.begin(); service != services_.end();) {
    if (names.count(service->first) > 0) {
      ++service;
      continue;
    }
    Forget(service->second);
    service = services_.erase(service);
  }
}

void ServiceAddresses::SetProblem(const std::string& problem) {
  base::MutexLock lock(mutex_);
  problem_ = problem;
}

void ServiceAddresses::Forget(const Service& service) {
  for (const std::string& address : service.addresses) {
    index_.Remove(address, service.service_namespace);
  }
}

}  // namespace kgs::kube
