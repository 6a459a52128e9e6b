// SPDX-License-Identifier: Apache-2.0
#include "endpoint/address_guard.h"

#include <absl/status/status.h>

#include <algorithm>
#include <utility>

namespace kgs::endpoint {
namespace {

struct RefusedBlock {
  const char* block;
  const char* what;
};

/// The first that holds an address names it.
constexpr RefusedBlock kRefused[] = {
    // AWS, Azure, Google and most others; Alibaba; Azure's WireServer; Oracle's older images.
    {"169.254.169.254", "a cloud's metadata service"},
    {"100.100.100.200", "a cloud's metadata service"},
    {"168.63.129.16", "a cloud's metadata service"},
    {"192.0.0.192", "a cloud's metadata service"},
    // AWS, and the agent that gives pods their AWS credentials; Google; Scaleway.
    {"fd00:ec2::254", "a cloud's metadata service"},
    {"fd00:ec2::23", "a cloud's metadata service"},
    {"fd20:ce::254", "a cloud's metadata service"},
    {"fd00:42::42", "a cloud's metadata service"},
    {"127.0.0.0/8", "a loopback address"},
    {"::1", "a loopback address"},
    {"0.0.0.0/8", "an unspecified address"},
    {"::", "an unspecified address"},
    {"169.254.0.0/16", "a link-local address"},
    {"fe80::/10", "a link-local address"},
    {"224.0.0.0/4", "a multicast address"},
    {"ff00::/8", "a multicast address"},
    {"255.255.255.255", "the broadcast address"},
};

struct Refused {
  Cidr block;
  std::string what;
};

const std::vector<Refused>& RefusedBlocks() {
  static const std::vector<Refused> kBlocks = [] {
    std::vector<Refused> blocks;
    for (const RefusedBlock& row : kRefused) blocks.push_back({*Cidr::Parse(row.block), row.what});
    return blocks;
  }();
  return kBlocks;
}

/// What \p address is judged as.
std::vector<IpAddress> Meanings(const IpAddress& address) {
  std::vector<IpAddress> embedded = EmbeddedV4(address);
  return embedded.empty() ? std::vector<IpAddress>{address} : embedded;
}

}  // namespace

absl::StatusOr<std::vector<Cidr>> ParseAllowed(const std::vector<std::string>& blocks) {
  std::vector<Cidr> allowed;
  std::string problems;
  for (const std::string& text : blocks) {
    const auto block = Cidr::Parse(text);
    std::string problem;
    if (!block.ok()) {
      problem = std::string(block.status().message());
    } else if (!EmbeddedV4(block->base()).empty()) {
      problem = block->Text() +
                " never matches: an address that embeds an IPv4 address is judged as that; write "
                "the block of IPv4";
    } else {
      allowed.push_back(*block);
    }
    if (problem.empty()) continue;
    if (!problems.empty()) problems += "; ";
    problems += problem;
  }
  if (!problems.empty()) return absl::InvalidArgumentError(problems);
  return allowed;
}

AddressGuard::AddressGuard(GuardRules rules) : rules_(std::move(rules)) {}

absl::Status AddressGuard::Judge(const IpAddress& address, uint16_t port,
                                 std::string_view object_namespace) const {
  for (const IpAddress& meaning : Meanings(address)) {
    if (IsInAllowed(meaning)) continue;
    const std::string why = WhyRefused(meaning, port, object_namespace);
    if (why.empty()) continue;
    std::string message = address.Text();
    if (meaning != address) message += " leads to " + meaning.Text() + ", which";
    message += " " + why + "; --engine-endpoint-allow can allow it";
    return absl::PermissionDeniedError(message);
  }
  return absl::OkStatus();
}

bool AddressGuard::IsAllowed(const IpAddress& address) const {
  const std::vector<IpAddress> meanings = Meanings(address);
  return std::all_of(meanings.begin(), meanings.end(),
                     [this](const IpAddress& meaning) { return IsInAllowed(meaning); });
}

bool AddressGuard::IsInAllowed(const IpAddress& address) const {
  return std::any_of(rules_.allowed.begin(), rules_.allowed.end(),
                     [&](const Cidr& block) { return block.Contains(address); });
}

std::string AddressGuard::WhyRefused(const IpAddress& address, uint16_t port,
                                     std::string_view object_namespace) const {
  for (const Refused& refused : RefusedBlocks()) {
    if (refused.block.Contains(address)) return "is " + refused.what;
  }
  for (const DeniedAddress& denied : rules_.denied) {
    const std::vector<IpAddress> meanings = Meanings(denied.address);
    const bool same = std::find(meanings.begin(), meanings.end(), address) != meanings.end();
    if (same && denied.port.value_or(port) == port) return "is " + denied.what;
  }
  if (!rules_.owner_namespace) return "";
  const auto owner = rules_.owner_namespace(address);
  if (!owner.ok()) return "cannot be judged: " + std::string(owner.status().message());
  if (!*owner || **owner == object_namespace) return "";
  return "belongs to another namespace than the object's";
}

}  // namespace kgs::endpoint
