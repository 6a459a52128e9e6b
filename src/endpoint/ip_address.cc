// SPDX-License-Identifier: Apache-2.0
#include "endpoint/ip_address.h"

#include <absl/status/status.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace kgs::endpoint {
namespace {

constexpr uint32_t kNat64Word = 0x0064ff9b;
constexpr uint32_t kTeredoWord = 0x20010000;

/// The places of an IPv4 address after a prefix of 48, 56 and 64 bits: byte 8 is never part of it
/// (RFC 6052, 2.2).
constexpr std::array<std::array<size_t, 4>, 3> kPlaces = {
    {{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}}};

uint8_t ByteOf(const IpAddress& address, size_t index) {
  return static_cast<uint8_t>(address.Word(index & ~size_t{3}) >> (24 - 8 * (index % 4)));
}

std::vector<IpAddress> LocalNat64(const IpAddress& address) {
  std::vector<uint32_t> found = {address.Word(12)};
  for (const auto& place : kPlaces) {
    uint32_t bits = 0;
    for (const size_t index : place) bits = bits << 8 | ByteOf(address, index);
    found.push_back(bits);
  }
  // What is read at a wrong place begins with 0 as a rule; no translator leads there.
  const auto is_real = [](uint32_t bits) { return bits >> 24 != 0; };
  const bool any_real = std::any_of(found.begin(), found.end(), is_real);
  std::vector<IpAddress> addresses;
  addresses.reserve(found.size());
  for (const uint32_t bits : found) {
    if (is_real(bits) || !any_real) addresses.push_back(IpAddress::V4(bits));
  }
  return addresses;
}

absl::Status BadBlock(std::string_view text, const std::string& what) {
  return absl::InvalidArgumentError(base::QuoteForMessage(text) + " " + what);
}

}  // namespace

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  // An address has no NUL, behind which inet_pton would not look.
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != text.npos) return std::nullopt;
  const std::string terminated(text);
  IpAddress address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes_.data()) == 1) return address;
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) != 1) return std::nullopt;
  address.v6_ = true;
  return address;
}

std::optional<IpAddress> IpAddress::From(const sockaddr& address) {
  IpAddress copy;
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    std::memcpy(copy.bytes_.data(), &v4.sin_addr, sizeof(v4.sin_addr));
    return copy;
  }
  if (address.sa_family != AF_INET6) return std::nullopt;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  std::memcpy(copy.bytes_.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
  copy.v6_ = true;
  return copy;
}

IpAddress IpAddress::V4(uint32_t bits) {
  IpAddress address;
  for (size_t i = 0; i < 4; ++i) address.bytes_[i] = static_cast<uint8_t>(bits >> (24 - 8 * i));
  return address;
}

uint32_t IpAddress::Word(size_t first) const {
  uint32_t word = 0;
  for (size_t i = first; i < first + 4; ++i) word = word << 8 | bytes_[i];
  return word;
}

std::string IpAddress::Text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::vector<IpAddress> EmbeddedV4(const IpAddress& address) {
  if (address.is_v4()) return {};
  const uint32_t first = address.Word(0);
  const uint32_t second = address.Word(4);
  const uint32_t third = address.Word(8);
  const uint32_t last = address.Word(12);
  if (first == 0 && second == 0) {
    const bool mapped = third == 0x0000ffff;
    const bool translated = third == 0xffff0000;
    // :: and ::1 are addresses of IPv6's own.
    const bool compatible = third == 0 && last > 1;
    if (mapped || translated || compatible) return {IpAddress::V4(last)};
    return {};
  }
  if (first == kNat64Word && second == 0 && third == 0) return {IpAddress::V4(last)};
  if (first == kNat64Word && second >> 16 == 1) return LocalNat64(address);
  // Its server, and its client with all bits turned (RFC 4380, 4).
  if (first == kTeredoWord) return {IpAddress::V4(second), IpAddress::V4(~last)};
  if (first >> 16 == 0x2002) return {IpAddress::V4(first << 16 | second >> 16)};
  return {};
}

IpAddress Cidr::Masked(const IpAddress& address, int prefix) {
  IpAddress masked = address;
  for (int i = 0; i < 16; ++i) {
    const int kept = std::clamp(prefix - 8 * i, 0, 8);
    masked.bytes_[static_cast<size_t>(i)] &= static_cast<uint8_t>(0xff00 >> kept);
  }
  return masked;
}

absl::StatusOr<Cidr> Cidr::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = IpAddress::Parse(text.substr(0, slash));
  if (!address) {
    return BadBlock(text,
                    "is no block of addresses; accepted: 10.0.0.0/8, fd00::/8 or one address");
  }
  int prefix = address->bits();
  if (slash != text.npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto number = base::ParseInteger(digits);
    if (!number || *number < 0 || *number > prefix || digits != std::to_string(*number)) {
      return BadBlock(text, "has no prefix from 0 to " + std::to_string(prefix) + " after the /");
    }
    prefix = static_cast<int>(*number);
  }
  const Cidr block(Masked(*address, prefix), prefix);
  if (block.base_ != *address) {
    return BadBlock(text, "has bits set behind its prefix; write " + block.Text() + " or " +
                              address->Text() + "/" + std::to_string(address->bits()));
  }
  return block;
}

bool Cidr::Contains(const IpAddress& address) const {
  return address.is_v4() == base_.is_v4() && Masked(address, prefix_) == base_;
}

std::string Cidr::Text() const { return base_.Text() + "/" + std::to_string(prefix_); }

}  // namespace kgs::endpoint
