// SPDX-License-Identifier: Apache-2.0
//
// IP addresses and blocks of them, read strictly: one spelling of an IPv4 address, no zones. Pure.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr;

namespace kgs::endpoint {

/// IPv4 sorts before IPv6.
class IpAddress {
 public:
  /// "10.0.0.1" (four decimal numbers without leading zeros) or any spelling of an IPv6 address,
  /// without brackets and zone.
  static std::optional<IpAddress> Parse(std::string_view text);
  /// Nothing where it is of another family.
  static std::optional<IpAddress> From(const sockaddr& address);
  static IpAddress V4(uint32_t bits);

  bool is_v4() const { return !v6_; }
  /// Of IPv4.
  uint32_t v4_bits() const { return Word(0); }
  /// The 32 bits that begin at byte \p first.
  uint32_t Word(size_t first) const;
  int bits() const { return v6_ ? 128 : 32; }
  /// The canonical spelling (RFC 5952), without brackets.
  std::string Text() const;
  /// As URLs have it: an IPv6 address in brackets.
  std::string UrlText() const { return v6_ ? "[" + Text() + "]" : Text(); }

  auto operator<=>(const IpAddress&) const = default;

 private:
  friend class Cidr;

  /// First, for the order.
  bool v6_ = false;
  /// IPv4 in the first four bytes, the others 0.
  std::array<uint8_t, 16> bytes_{};
};

/// The IPv4 addresses to which \p address may lead where it embeds one: IPv4-mapped, -compatible
/// and -translated addresses, NAT64, 6to4 and Teredo. In the block 64:ff9b:1::/48 the place of the
/// IPv4 address is not known from outside: all that stands at one of the places of RFC 6052, of
/// which at least one is returned. Empty for every other address.
std::vector<IpAddress> EmbeddedV4(const IpAddress& address);

/// A block of addresses.
class Cidr {
 public:
  /// "10.0.0.0/8", "fd00::/8", or one address. INVALID_ARGUMENT with what is wrong and how to
  /// write it, for bits set behind the prefix too: that may be a slip for a smaller block.
  static absl::StatusOr<Cidr> Parse(std::string_view text);

  bool Contains(const IpAddress& address) const;
  const IpAddress& base() const { return base_; }
  std::string Text() const;

 private:
  Cidr(const IpAddress& base, int prefix) : base_(base), prefix_(prefix) {}
  /// \p address with the bits behind the prefix 0.
  static IpAddress Masked(const IpAddress& address, int prefix);

  IpAddress base_;
  int prefix_ = 0;
};

}  // namespace kgs::endpoint
