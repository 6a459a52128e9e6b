// SPDX-License-Identifier: Apache-2.0
#include "attribution/pci_address.h"

#include <charconv>

namespace kgs::attribution {
namespace {

/// \p text, whole, as at most \p digits hexadecimal digits.
bool ParseHex(std::string_view text, size_t digits, uint32_t& number) {
  if (text.empty() || text.size() > digits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return error == std::errc() && end == text.data() + text.size();
}

/// Cuts what stands before the first \p separator off \p text.
std::optional<std::string_view> CutBefore(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at + 1);
  return before;
}

}  // namespace

std::optional<PciAddress> ParsePciAddress(std::string_view text) {
  const auto domain = CutBefore(text, ':');
  const auto bus = CutBefore(text, ':');
  const auto device = CutBefore(text, '.');
  if (!domain || !bus || !device) return std::nullopt;
  PciAddress address;
  if (!ParseHex(*domain, 8, address.domain) || !ParseHex(*bus, 2, address.bus) ||
      !ParseHex(*device, 2, address.device) || !ParseHex(text, 1, address.function)) {
    return std::nullopt;
  }
  return address;
}

}  // namespace kgs::attribution
