// SPDX-License-Identifier: Apache-2.0
//
// The objects that say whose a token is and where. Pure. No message shows a token, or what the API
// server says of one: that may repeat it.
#pragma once

#include <absl/status/statusor.h>

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace kgs::kube {

inline constexpr char kTokenReviewsPath[] = "/apis/authentication.k8s.io/v1/tokenreviews";

/// A question of authentication.k8s.io/v1.
nlohmann::json TokenReviewOf(const std::string& token, const std::string& audience);

/// "system:serviceaccount:NAMESPACE:NAME".
std::string ServiceAccountUser(const std::string& account_namespace, const std::string& name);

/// Where the holder of a token runs.
struct TokenOrigin {
  /// Empty where the token does not say it (Kubernetes before 1.30): the pod does.
  std::string node;
  std::string pod_name;
  std::string pod_uid;
};

/// Of a TokenReview's answer. UNAUTHENTICATED: not accepted, or not for \p audience.
/// PERMISSION_DENIED: not of \p user, or bound to no pod. UNAVAILABLE: it is no TokenReview.
absl::StatusOr<TokenOrigin> ReadTokenReview(const nlohmann::json& review,
                                            const std::string& audience, const std::string& user);

/// PERMISSION_DENIED: there is no such pod any more.
absl::Status TokensPodIsGone(const TokenOrigin& origin);

/// The node of the pod that a token is bound to. PERMISSION_DENIED where \p pod is another one of
/// that name, or is on no node.
absl::StatusOr<std::string> NodeOfTokensPod(const nlohmann::json& pod, const TokenOrigin& origin);

}  // namespace kgs::kube
