// SPDX-License-Identifier: Apache-2.0
#include "kube/token_review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace kgs::kube {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUser[] = "system:serviceaccount:gpu:agent";
constexpr char kNodeName[] = "authentication.kubernetes.io/node-name";
constexpr char kPodName[] = "authentication.kubernetes.io/pod-name";
constexpr char kPodUid[] = "authentication.kubernetes.io/pod-uid";

// As Kubernetes 1.30 and later answer.
json Accepted() {
  return {{"apiVersion", "authentication.k8s.io/v1"},
          {"kind", "TokenReview"},
          {"spec", {{"token", "a.secret.token"}, {"audiences", {"scaler"}}}},
          {"status",
           {{"authenticated", true},
            {"audiences", {"scaler"}},
            {"user",
             {{"username", kUser},
              {"uid", "u"},
              {"groups", {"system:serviceaccounts", "system:authenticated"}},
              {"extra",
               {{"authentication.kubernetes.io/credential-id", {"JTI=1"}},
                {kNodeName, {"node-a"}},
                {"authentication.kubernetes.io/node-uid", {"n"}},
                {kPodName, {"agent-x"}},
                {kPodUid, {"p-1"}}}}}}}}};
}
json& ExtraOf(json& review) { return review["status"]["user"]["extra"]; }

absl::Status Refusal(const json& review) {
  const absl::Status status = ReadTokenReview(review, "scaler", kUser).status();
  EXPECT_LT(status.message().size(), 512U);
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret")));
  return status;
}

TEST(TokenReviewTest, AsksForOneAudience) {
  EXPECT_EQ(TokenReviewOf("a.b.c", "scaler"),
            json::parse(R"({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
                            "spec": {"token": "a.b.c", "audiences": ["scaler"]}})"));
  EXPECT_EQ(ServiceAccountUser("gpu", "agent"), kUser);
}

TEST(TokenReviewTest, ReadsTheNode) {
  const auto origin = ReadTokenReview(Accepted(), "scaler", kUser);
  ASSERT_TRUE(origin.ok()) << origin.status();
  EXPECT_EQ(origin->node, "node-a");
  json alone = Accepted();
  ExtraOf(alone) = {{kNodeName, {"node-b"}}};
  EXPECT_EQ(ReadTokenReview(alone, "scaler", kUser)->node, "node-b");
}

TEST(TokenReviewTest, ReadsThePodWhereThereIsNoNode) {
  json older = Accepted();
  ExtraOf(older).erase(kNodeName);
  const auto origin = ReadTokenReview(older, "scaler", kUser);
  ASSERT_TRUE(origin.ok()) << origin.status();
  EXPECT_EQ(origin->node, "");
  EXPECT_EQ(origin->pod_name, "agent-x");
  EXPECT_EQ(origin->pod_uid, "p-1");
}

TEST(TokenReviewTest, WhatIsNotAcceptedIsUnauthenticatedInOurWords) {
  json refused = Accepted();
  refused["status"] = {{"authenticated", false},
                       {"error", "[invalid bearer token a.secret.token]"}};
  const absl::Status expected = absl::UnauthenticatedError(
      "the API server does not accept the token: has it expired, and is it of audience "
      "\"scaler\"?");
  EXPECT_EQ(Refusal(refused), expected);
  // Kubernetes leaves out what is false.
  refused["status"].erase("authenticated");
  EXPECT_EQ(Refusal(refused), expected);
  refused = Accepted();
  refused["status"]["authenticated"] = false;
  EXPECT_EQ(Refusal(refused), expected);
  EXPECT_EQ(Refusal(json::object()), expected);
}

TEST(TokenReviewTest, AServerThatNamesNoAudienceHasNotLookedAtIt) {
  for (const json& audiences : {json(), json::array(), json({"https://kubernetes.default.svc"}),
                                json({"scaler2", "SCALER"})}) {
    json review = Accepted();
    review["status"]["audiences"] = audiences;
    EXPECT_TRUE(absl::IsUnauthenticated(Refusal(review))) << audiences;
  }
  json both = Accepted();
  both["status"]["audiences"] = {"other", "scaler"};
  EXPECT_TRUE(ReadTokenReview(both, "scaler", kUser).ok());
}

TEST(TokenReviewTest, AnotherAccountIsRefusedByName) {
  for (const char* user : {"system:serviceaccount:gpu:agent2", "system:serviceaccount:gpu2:agent",
                           "agent", "", "system:serviceaccount:gpu:agent ", "system:node:node-a"}) {
    json review = Accepted();
    review["status"]["user"]["username"] = user;
    const absl::Status status = Refusal(review);
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << user;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr('"' + std::string(user) + '"'), HasSubstr(kUser),
                      HasSubstr("--agent-service-account")));
  }
  json nobody = Accepted();
  nobody["status"].erase("user");
  EXPECT_TRUE(absl::IsPermissionDenied(Refusal(nobody)));
  json long_one = Accepted();
  long_one["status"]["user"]["username"] = std::string(10'000, 'x');
  EXPECT_TRUE(absl::IsPermissionDenied(Refusal(long_one)));
}

TEST(TokenReviewTest, OneThatIsBoundToNoPodSaysNoNode) {
  for (const json& extra :
       {json(), json::object(), json({{kPodName, {"agent-x"}}}), json({{kPodUid, {"p-1"}}})}) {
    json review = Accepted();
    ExtraOf(review) = extra;
    const absl::Status status = Refusal(review);
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << extra;
    EXPECT_THAT(std::string(status.message()), HasSubstr("the token is bound to no pod"));
  }
}

TEST(TokenReviewTest, AClaimIsOneName) {
  for (const char* claim : {kNodeName, kPodName, kPodUid}) {
    for (const json& values : {json::array(), json({"a", "b"}), json({"node-a", "node-a"}),
                               json({""}), json({"../secrets"}), json({".."}), json({"a?b"})}) {
      json review = Accepted();
      ExtraOf(review)[claim] = values;
      EXPECT_EQ(Refusal(review), absl::PermissionDeniedError("the token's " + std::string(claim) +
                                                             " is not one name"))
          << values;
    }
  }
}

TEST(TokenReviewTest, WhatIsNoTokenReviewIsUnavailable) {
  const auto with = [](const char* pointer, const json& value) {
    json review = Accepted();
    review[json::json_pointer(pointer)] = value;
    return Refusal(review);
  };
  EXPECT_EQ(with("/status/authenticated", "true"),
            absl::UnavailableError(
                "the API server's answer is no TokenReview: status.authenticated: not a boolean"));
  EXPECT_TRUE(absl::IsUnavailable(with("/status", "secret")));
  EXPECT_TRUE(absl::IsUnavailable(with("/status/audiences", "scaler")));
  EXPECT_TRUE(absl::IsUnavailable(with("/status/audiences/0", 1)));
  EXPECT_TRUE(absl::IsUnavailable(with("/status/user", json::array())));
  EXPECT_TRUE(absl::IsUnavailable(with("/status/user/username", 1)));
  EXPECT_TRUE(absl::IsUnavailable(with("/status/user/extra", "node-a")));
  json text = Accepted();
  ExtraOf(text)[kNodeName] = "node-a";
  EXPECT_TRUE(absl::IsUnavailable(Refusal(text)));
  EXPECT_TRUE(absl::IsUnavailable(Refusal(json::array())));
}

class TokensPodTest : public ::testing::Test {
 protected:
  const TokenOrigin origin_{"", "agent-x", "p-1"};
  json pod_ = {{"metadata", {{"name", "agent-x"}, {"uid", "p-1"}}},
               {"spec", {{"nodeName", "node-a"}}}};
};

TEST_F(TokensPodTest, HasTheNode) { EXPECT_EQ(*NodeOfTokensPod(pod_, origin_), "node-a"); }

TEST_F(TokensPodTest, AnotherOfTheNameIsRefused) {
  pod_["metadata"]["uid"] = "p-2";
  EXPECT_EQ(NodeOfTokensPod(pod_, origin_).status(),
            absl::PermissionDeniedError("the token's pod \"agent-x\" is gone"));
  EXPECT_EQ(TokensPodIsGone(origin_), NodeOfTokensPod(pod_, origin_).status());
  pod_["metadata"].erase("uid");
  EXPECT_TRUE(absl::IsPermissionDenied(NodeOfTokensPod(pod_, origin_).status()));
}

TEST_F(TokensPodTest, OneOnNoNodeIsRefused) {
  const absl::Status expected =
      absl::PermissionDeniedError("the token's pod \"agent-x\" is on no node");
  pod_["spec"]["nodeName"] = "";
  EXPECT_EQ(NodeOfTokensPod(pod_, origin_).status(), expected);
  pod_.erase("spec");
  EXPECT_EQ(NodeOfTokensPod(pod_, origin_).status(), expected);
}

TEST_F(TokensPodTest, WhatIsNoPodIsUnavailable) {
  pod_["spec"]["nodeName"] = 1;
  EXPECT_EQ(NodeOfTokensPod(pod_, origin_).status(),
            absl::UnavailableError("the token's pod \"agent-x\": spec.nodeName: not a string"));
}

}  // namespace
}  // namespace kgs::kube
