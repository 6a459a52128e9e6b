// SPDX-License-Identifier: Apache-2.0
//
// The pure parts of resolver.h, and the system's resolver.
#include <absl/status/status.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "endpoint/cluster_name.h"
#include "endpoint/resolver.h"

namespace kgs::endpoint {
namespace {

Addresses SortedOfFamily(const Addresses& found, bool v4) {
  Addresses addresses;
  std::copy_if(found.begin(), found.end(), std::back_inserter(addresses),
               [v4](const IpAddress& address) { return address.is_v4() == v4; });
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

}  // namespace

absl::StatusOr<Addresses> LookUpByDns(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(ShownHost(host) + " cannot be resolved: " + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &freeaddrinfo);
  Addresses addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_addr == nullptr) continue;
    if (const auto address = IpAddress::From(*entry->ai_addr)) addresses.push_back(*address);
  }
  if (addresses.empty()) return absl::UnavailableError(ShownHost(host) + " has no address");
  return addresses;
}

Addresses OneFamily(const Addresses& found) {
  if (found.empty()) return {};
  const bool first_v4 = found.front().is_v4();
  Addresses preferred = SortedOfFamily(found, first_v4);
  Addresses other = SortedOfFamily(found, !first_v4);
  return other.size() > preferred.size() ? other : preferred;
}

absl::Status JudgeName(const ResolveRequest& request) {
  const std::string_view named = WhatOfAnotherNamespace(request.url.host, request.object_namespace);
  if (named.empty()) return absl::OkStatus();
  return absl::PermissionDeniedError(
      "host " + ShownHost(request.url.host) + " is refused: it names " + std::string(named) +
      " of another namespace than the object's; --engine-endpoint-allow can allow it, with every "
      "address behind it");
}

absl::Status JudgeAll(const Addresses& found, const ResolveRequest& request) {
  const bool all_allowed = std::all_of(
      found.begin(), found.end(),
      [&request](const IpAddress& address) { return request.guard->IsAllowed(address); });
  if (all_allowed) return absl::OkStatus();
  if (absl::Status named = JudgeName(request); !named.ok()) return named;
  for (const IpAddress& address : found) {
    const absl::Status judged =
        request.guard->Judge(address, request.url.port, request.object_namespace);
    if (judged.ok()) continue;
    return absl::Status(judged.code(), "host " + ShownHost(request.url.host) +
                                           " is refused: " + std::string(judged.message()));
  }
  return absl::OkStatus();
}

}  // namespace kgs::endpoint
