// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kgs::kube {

/// "2026-01-01T01:02:03.9+02:00" as whole seconds since 1970 UTC, fractions cut off. Nothing for
/// anything that Kubernetes does not write: other forms, a 13th month, a leap second.
std::optional<int64_t> ParseRfc3339(std::string_view text);

}  // namespace kgs::kube
