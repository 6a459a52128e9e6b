// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kgs::attribution {

/// NVML writes the domain in eight digits and upper case ("00000000:C1:00.0"), sysfs in four and
/// lower case ("0000:c1:00.0"): only the numbers can be compared.
struct PciAddress {
  uint32_t domain = 0;
  uint32_t bus = 0;
  uint32_t device = 0;
  uint32_t function = 0;

  auto operator<=>(const PciAddress&) const = default;
};

/// Nothing where \p text is no such address.
std::optional<PciAddress> ParsePciAddress(std::string_view text);

}  // namespace kgs::attribution
