// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace kgs::kube {

/// Why the API server did not do what it was asked: an object of kind Status.
struct ApiStatus {
  int code = 0;
  std::string reason;
  std::string message;

  /// The version asked for is no longer kept: only a new list helps.
  bool gone() const { return code == 410 || reason == "Expired" || reason == "Gone"; }
};

/// Of a Status object; whatever else it is, the result has \p http_status for its code.
ApiStatus StatusOfObject(int http_status, const nlohmann::json& object);

/// Of an answer's body: a Status as JSON, else its beginning as plain text.
ApiStatus StatusOfBody(int http_status, std::string_view body);

/// "GET /api/v1/pods: HTTP 403: pods is forbidden: ...", with the fix where there is one. The same
/// from try to try. \p method: GET or POST; \p path without query.
std::string Explain(const std::string& method, const std::string& path, const ApiStatus& status);

}  // namespace kgs::kube
