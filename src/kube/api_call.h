// SPDX-License-Identifier: Apache-2.0
//
// One question to the API server whose answer is one small JSON object.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "kube/client/transport.h"

namespace kgs::kube {

struct ApiAnswer {
  /// NOT_FOUND (404), PERMISSION_DENIED (401, 403), or UNAVAILABLE where it may be another answer
  /// the next time; in words that do not change from try to try.
  absl::StatusOr<nlohmann::json> object;
  /// Of an answer that is none: 0.
  int http_status = 0;
  /// What the API server itself says of a status that is no success.
  std::string refusal;
  std::optional<base::Duration> retry_after;

  /// Whether it proves that the API server is there and well.
  bool proves_contact() const { return http_status != 0 && http_status < 500; }
};

/// A GET; success is 200. Destroying the request cancels it; it may be destroyed by \p on_answer.
/// Given up after 5 s.
std::unique_ptr<Request> ApiGet(Transport& transport, const std::string& path,
                                std::function<void(const ApiAnswer&)> on_answer);

/// A POST of \p object; success is 201, or 200. As ApiGet. What the API server says of a failure
/// may repeat what it was sent.
std::unique_ptr<Request> ApiCreate(Transport& transport, const std::string& path,
                                   const nlohmann::json& object,
                                   std::function<void(const ApiAnswer&)> on_answer);

}  // namespace kgs::kube
