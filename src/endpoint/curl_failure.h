// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/status.h>

#include <string>

#include "endpoint/fetcher.h"

namespace kgs::endpoint {

struct CurlFailure {
  FetchFailure kind;
  absl::StatusCode code;
  /// The same from try to try: without ports, times and counts, and without words of the server.
  std::string what;
};

/// What a CURLcode but OK means. \p detail is what curl wrote of it, \p os_error an errno or 0,
/// \p answered whether a head had come.
CurlFailure WhatCurlSays(int curl_code, const std::string& detail, int os_error, bool answered);

}  // namespace kgs::endpoint
