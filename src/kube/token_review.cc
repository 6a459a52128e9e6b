// SPDX-License-Identifier: Apache-2.0
#include "kube/token_review.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "kube/discovery.h"
#include "kube/json_fields.h"

namespace kgs::kube {

using nlohmann::json;

namespace {

constexpr char kNodeName[] = "authentication.kubernetes.io/node-name";
constexpr char kPodName[] = "authentication.kubernetes.io/pod-name";
constexpr char kPodUid[] = "authentication.kubernetes.io/pod-uid";
constexpr size_t kLongestUser = 128;

absl::Status NotAccepted(const std::string& audience) {
  return absl::UnauthenticatedError(
      "the API server does not accept the token: has it expired, and is it of audience " +
      base::QuoteForMessage(audience) + "?");
}

absl::Status OfAnotherUser(const std::string& found, const std::string& wanted) {
  return absl::PermissionDeniedError("the token is of " +
                                     base::QuoteForMessage(found, kLongestUser) + ", agents are " +
                                     wanted + " (--agent-service-account of the hub)");
}

// Its one value; empty where the token has no such claim.
absl::StatusOr<std::string> OneOf(const JsonFields& extra, const std::string& key) {
  const std::vector<std::string> values = extra.Texts(key);
  if (!extra.Has(key)) return "";
  if (values.size() == 1 && IsPathSegment(values.front())) return values.front();
  return absl::PermissionDeniedError("the token's " + key + " is not one name");
}

std::string PodText(const TokenOrigin& origin) {
  return "the token's pod " + base::QuoteForMessage(origin.pod_name);
}

}  // namespace

json TokenReviewOf(const std::string& token, const std::string& audience) {
  return {{"apiVersion", "authentication.k8s.io/v1"},
          {"kind", "TokenReview"},
          {"spec", {{"token", token}, {"audiences", json::array({audience})}}}};
}

std::string ServiceAccountUser(const std::string& account_namespace, const std::string& name) {
  return "system:serviceaccount:" + account_namespace + ":" + name;
}

absl::StatusOr<TokenOrigin> ReadTokenReview(const json& review, const std::string& audience,
                                            const std::string& user) {
  absl::Status problem;
  const JsonFields status = JsonFields(review, problem).Object("status");
  const bool authenticated = status.True("authenticated");
  const std::vector<std::string> audiences = status.Texts("audiences");
  const JsonFields who = status.Object("user");
  const std::string found = who.Text("username");
  const JsonFields extra = who.Object("extra");
  absl::StatusOr<std::string> node = OneOf(extra, kNodeName);
  absl::StatusOr<std::string> pod_name = OneOf(extra, kPodName);
  absl::StatusOr<std::string> pod_uid = OneOf(extra, kPodUid);
  if (!problem.ok()) {
    return absl::UnavailableError("the API server's answer is no TokenReview: " +
                                  std::string(problem.message()));
  }
  // One that does not know audiences names none, and has not looked at them.
  const bool of_audience =
      std::find(audiences.begin(), audiences.end(), audience) != audiences.end();
  if (!authenticated || !of_audience) return NotAccepted(audience);
  if (found != user) return OfAnotherUser(found, user);
  for (const auto* claim : {&node, &pod_name, &pod_uid}) {
    if (!claim->ok()) return claim->status();
  }
  TokenOrigin origin{*std::move(node), *std::move(pod_name), *std::move(pod_uid)};
  const bool by_pod = !origin.pod_name.empty() && !origin.pod_uid.empty();
  if (!origin.node.empty() || by_pod) return origin;
  return absl::PermissionDeniedError(
      "the token is bound to no pod, which alone says its node: mount it as a projected "
      "serviceAccountToken volume");
}

absl::Status TokensPodIsGone(const TokenOrigin& origin) {
  return absl::PermissionDeniedError(PodText(origin) + " is gone");
}

absl::StatusOr<std::string> NodeOfTokensPod(const json& pod, const TokenOrigin& origin) {
  absl::Status problem;
  const JsonFields fields(pod, problem);
  const std::string uid = fields.Object("metadata").Text("uid");
  std::string node = fields.Object("spec").Text("nodeName");
  const std::string name = PodText(origin);
  if (!problem.ok()) {
    return absl::UnavailableError(name + ": " + std::string(problem.message()));
  }
  if (uid != origin.pod_uid) {
    return TokensPodIsGone(origin);
  }
  if (node.empty()) return absl::PermissionDeniedError(name + " is on no node");
  return node;
}

}  // namespace kgs::kube
