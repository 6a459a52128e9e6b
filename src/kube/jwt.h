// SPDX-License-Identifier: Apache-2.0
//
// ServiceAccount tokens are JWTs (RFC 7519). Nothing here verifies one: the API server does.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kgs::kube {

/// A ServiceAccount's token is 1 to 2 KiB long.
inline constexpr size_t kLargestJwt = size_t{16} * 1024;

/// Whether \p token can be a signed JWT at all: three parts of base64url, within the size. Looks
/// into none of them. INVALID_ARGUMENT says why not and never shows the text.
absl::Status CheckJwt(std::string_view token);

/// Claim "exp" in whole seconds since 1970. Only as true as whoever vouches for the token. As
/// CheckJwt where there is none.
absl::StatusOr<int64_t> ExpiryOfJwt(std::string_view token);

}  // namespace kgs::kube
