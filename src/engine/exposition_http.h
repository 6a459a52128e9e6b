// SPDX-License-Identifier: Apache-2.0
//
// What is asked of a server with a metrics page, and which of its answers is one. Pure.
#pragma once

#include <absl/status/statusor.h>

#include <span>
#include <string_view>

#include "engine/sample_line.h"

namespace kgs::engine {

struct Header {
  std::string_view name;
  std::string_view value;
};

/// What to send. OpenMetrics is not asked for: a widespread server then renames the samples.
/// Neither is protobuf, nor a compressed body.
std::span<const Header> ScrapeHeaders();

/// The format that a response's Content-Type names. Text where there is none or it is empty, and
/// whatever its charset, and where a page may also be \p json that is named so. INVALID_ARGUMENT
/// for all that is no metrics page (the JSON and the login pages that stand at such paths), for a
/// version that we do not read, and for protobuf. The header's text is not in the error.
absl::StatusOr<Format> FormatOfContentType(std::string_view content_type, bool json = false);

}  // namespace kgs::engine
