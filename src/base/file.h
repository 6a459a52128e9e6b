// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <string>

namespace kgs::base {

/// The whole file. FAILED_PRECONDITION naming it where it cannot be read or is larger than
/// \p largest bytes. Waits for no pipe or device: only regular files are read.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t largest);

}  // namespace kgs::base
