// SPDX-License-Identifier: Apache-2.0
//
// Which addresses a tenant's endpoint may lead to. The hub can reach what tenants cannot: itself,
// the API server, the cloud's credentials, other tenants' pods. Pure, but for the function it is
// given.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/ip_address.h"

namespace kgs::endpoint {

/// An address that is refused by its owner's wish.
struct DeniedAddress {
  IpAddress address;
  /// Only this one, where it is set.
  std::optional<uint16_t> port;
  /// For messages: "the API server".
  std::string what;
};

/// The namespace of the Service or pod that has an address; nothing where none has it. An error
/// where that is not known, in words for tenants: the address is refused. Called by Judge, on its
/// thread. Null: no address is anybody's.
using OwnerNamespace = std::function<absl::StatusOr<std::optional<std::string>>(const IpAddress&)>;

struct GuardRules {
  /// What the operator allows, whatever else would refuse it. An address that embeds IPv4 addresses
  /// is judged as these.
  std::vector<Cidr> allowed;
  std::vector<DeniedAddress> denied;
  OwnerNamespace owner_namespace;
};

/// Blocks as the operator gives them (--engine-endpoint-allow). INVALID_ARGUMENT with all that is
/// wrong.
absl::StatusOr<std::vector<Cidr>> ParseAllowed(const std::vector<std::string>& blocks);

/// As safe for many threads as its owner_namespace.
class AddressGuard {
 public:
  explicit AddressGuard(GuardRules rules);

  /// Whether an endpoint of an object in \p object_namespace may lead there. PERMISSION_DENIED
  /// names the address and the reason, and no other tenant.
  absl::Status Judge(const IpAddress& address, uint16_t port,
                     std::string_view object_namespace) const;

  /// Whether the operator allows it, whatever else would refuse it.
  bool IsAllowed(const IpAddress& address) const;
  /// Whether the operator allows no address at all.
  bool allows_none() const { return rules_.allowed.empty(); }

 private:
  /// Empty, or why \p address, which embeds no other, is refused: "is a loopback address".
  std::string WhyRefused(const IpAddress& address, uint16_t port,
                         std::string_view object_namespace) const;
  /// As IsAllowed, of an address that embeds no other.
  bool IsInAllowed(const IpAddress& address) const;

  const GuardRules rules_;
};

}  // namespace kgs::endpoint
