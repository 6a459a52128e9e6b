// SPDX-License-Identifier: Apache-2.0
//
// The arguments of keda-gpu-scaler engine. Pure.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "endpoint/url.h"
#include "engine/dialect.h"

namespace kgs::cli {

struct EngineArguments {
  /// One of the two: a saved page, or where a server has one.
  std::string file;
  std::optional<endpoint::Url> url;
  /// Null: the one whose names the page has.
  const engine::Dialect* dialect = nullptr;
  bool json = false;

  // Of a URL alone.

  /// From the first page to the second. 0: there is one.
  base::Duration interval = std::chrono::seconds(1);
  /// Of each page.
  base::Duration timeout{};
  /// Empty: the system's authorities.
  std::string ca_file;
  /// Empty: no token is sent.
  std::string bearer_token_file;
};

/// INVALID_ARGUMENT names the argument that is wrong, and what is accepted.
absl::StatusOr<EngineArguments> ParseEngineArguments(const std::vector<std::string>& arguments);

}  // namespace kgs::cli
