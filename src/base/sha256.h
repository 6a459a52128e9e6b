// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace kgs::base {

/// SHA-256 (FIPS 180-4) of \p text: 32 bytes. INTERNAL where OpenSSL cannot.
absl::StatusOr<std::string> Sha256(std::string_view text);

}  // namespace kgs::base
