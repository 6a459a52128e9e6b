// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gpu/nvml/abi.h"

namespace kgs::fake_nvml {

/// \p number in the member of the union that \p type names.
inline gpu::nvml::abi::Value MakeValue(double number, int64_t type) {
  namespace abi = gpu::nvml::abi;
  abi::Value value{};
  switch (type) {
    case abi::kDouble:
      value.d = number;
      break;
    case abi::kUnsignedLong:
      value.ul = static_cast<unsigned long>(number);
      break;
    case abi::kUnsignedLongLong:
      value.ull = static_cast<unsigned long long>(number);
      break;
    case abi::kSignedLongLong:
      value.sll = static_cast<long long>(number);
      break;
    case abi::kSignedInt:
      value.si = static_cast<int>(number);
      break;
    case abi::kUnsignedShort:
      value.us = static_cast<unsigned short>(number);
      break;
    default:
      value.ui = static_cast<unsigned int>(number);
      break;
  }
  return value;
}

}  // namespace kgs::fake_nvml
