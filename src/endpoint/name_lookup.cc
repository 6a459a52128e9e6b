// SPDX-License-Identifier: Apache-2.0
//
// The pure parts of resolver.h, and the system's resolver.
#include <absl/status/status.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "endpoint/resolver.h"

namespace kgs::endpoint {
namespace {

constexpr size_t kMostAddresses = 256;

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
    return absl::UnavailableError(host + " cannot be resolved: " + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &freeaddrinfo);
  Addresses addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_addr == nullptr) continue;
    if (const auto address = IpAddress::From(*entry->ai_addr)) addresses.push_back(*address);
  }
  if (addresses.empty()) return absl::UnavailableError(host + " has no address");
  if (addresses.size() > kMostAddresses) {
    return absl::ResourceExhaustedError(host + " has more than " + std::to_string(kMostAddresses) +
                                        " addresses");
  }
  return addresses;
}

Addresses OneFamily(const Addresses& found) {
  if (found.empty()) return {};
  const bool first_v4 = found.front().is_v4();
  Addresses preferred = SortedOfFamily(found, first_v4);
  Addresses other = SortedOfFamily(found, !first_v4);
  return other.size() > preferred.size() ? other : preferred;
}

absl::Status JudgeAll(const Addresses& found, const ResolveRequest& request) {
  for (const IpAddress& address : found) {
    const absl::Status judged =
        request.guard->Judge(address, request.url.port, request.object_namespace);
    if (judged.ok()) continue;
    return absl::Status(judged.code(), "host " + request.url.host +
                                           " is refused: " + std::string(judged.message()));
  }
  return absl::OkStatus();
}

}  // namespace kgs::endpoint
