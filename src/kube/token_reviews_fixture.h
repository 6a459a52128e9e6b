// SPDX-License-Identifier: Apache-2.0
//
// What the tests of TokenReviews share.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/escaping.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kube/token_reviews.h"

namespace kgs::kube::testing {

inline constexpr int64_t kUnixNow = 1'700'000'000;

/// A token that ends \p seconds after kUnixNow. \p id tells it from others.
inline std::string TokenOf(const std::string& id, int64_t seconds = 600) {
  const nlohmann::json claims = {{"jti", id}, {"exp", kUnixNow + seconds}};
  std::string payload;
  absl::WebSafeBase64Escape(claims.dump(), &payload);
  return "e30." + payload + ".c2ln";
}

inline TokenReviewOptions ReviewOptions() {
  TokenReviewOptions options;
  options.audience = "scaler";
  options.service_account_namespace = "gpu";
  options.service_account_name = "agent";
  return options;
}

/// The answer to a TokenReview of a token that is good, of a pod.
inline nlohmann::json AcceptedReview(const std::string& node) {
  const std::string prefix = "authentication.kubernetes.io/";
  nlohmann::json extra = {{prefix + "pod-name", {"agent-x"}}, {prefix + "pod-uid", {"p-1"}}};
  if (!node.empty()) extra[prefix + "node-name"] = {node};
  return {{"status",
           {{"authenticated", true},
            {"audiences", {"scaler"}},
            {"user", {{"username", "system:serviceaccount:gpu:agent"}, {"extra", extra}}}}}};
}

/// Answers in the order in which they came.
class Answers {
 public:
  TokenReviews::OnDone Keep() {
    return [this](const absl::StatusOr<ReviewedToken>& answer) { all.push_back(answer); };
  }
  std::vector<absl::StatusOr<ReviewedToken>> all;
};

}  // namespace kgs::kube::testing
