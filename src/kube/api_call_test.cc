// SPDX-License-Identifier: Apache-2.0
#include "kube/api_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "tests/support/fake_transport.h"

namespace kgs::kube {
namespace {

using ::testing::HasSubstr;

constexpr char kPath[] = "/apis/x/v1/reviews";

class ApiCallTest : public ::testing::Test {
 protected:
  std::function<void(const ApiAnswer&)> Keep() {
    return [this](const ApiAnswer& answer) {
      // As owners do.
      request_.reset();
      answers_.push_back(answer);
    };
  }
  void Get() { request_ = ApiGet(transport_, kPath, Keep()); }
  void Create(const nlohmann::json& object = {{"a", "b"}}) {
    request_ = ApiCreate(transport_, kPath, object, Keep());
  }
  /// Of the latest request.
  ApiAnswer Answered(int status, const std::string& body) {
    transport_.Answer(transport_.requests() - 1, status, body);
    return answers_.back();
  }

  testing::FakeClock clock_;
  testing::FakeTransport transport_{clock_};
  std::unique_ptr<Request> request_;
  std::vector<ApiAnswer> answers_;
};

TEST_F(ApiCallTest, GetsAnObject) {
  Get();
  EXPECT_EQ(transport_.path(0), kPath);
  EXPECT_EQ(transport_.body(0), std::nullopt);
  EXPECT_EQ(transport_.options(0).deadline, base::Duration(std::chrono::seconds(5)));
  const ApiAnswer answer = Answered(200, R"({"a": 1})");
  ASSERT_TRUE(answer.object.ok()) << answer.object.status();
  EXPECT_EQ(*answer.object, nlohmann::json({{"a", 1}}));
  EXPECT_EQ(answer.http_status, 200);
  EXPECT_TRUE(answer.proves_contact());
}

TEST_F(ApiCallTest, CreatesAnObject) {
  for (const int status : {200, 201}) {
    Create();
    const size_t request = transport_.requests() - 1;
    EXPECT_EQ(transport_.path(request), kPath);
    EXPECT_EQ(transport_.body(request), R"({"a":"b"})");
    EXPECT_EQ(transport_.options(request).deadline, base::Duration(std::chrono::seconds(5)));
    const ApiAnswer answer = Answered(status, R"({"a": 1})");
    ASSERT_TRUE(answer.object.ok()) << answer.object.status();
    EXPECT_EQ(*answer.object, nlohmann::json({{"a", 1}}));
    EXPECT_EQ(answer.http_status, status);
  }
}

TEST_F(ApiCallTest, WhatIsNoUtf8IsReplaced) {
  Create({{"a", "\xff"}});
  EXPECT_EQ(transport_.body(0), "{\"a\":\"\xef\xbf\xbd\"}");
}

TEST_F(ApiCallTest, AGetIsNotAnsweredBy201) {
  Get();
  EXPECT_TRUE(absl::IsUnavailable(Answered(201, "{}").object.status()));
}

TEST_F(ApiCallTest, FailuresNameTheMethodAndTheKind) {
  const auto create = [this](int status) {
    Create();
    return Answered(status, R"({"message": "no"})").object.status();
  };
  EXPECT_EQ(create(404),
            absl::NotFoundError("POST /apis/x/v1/reviews: HTTP 404: no; the API server does not "
                                "serve it: is its CustomResourceDefinition installed?"));
  EXPECT_EQ(create(403), absl::PermissionDeniedError(
                             "POST /apis/x/v1/reviews: HTTP 403: no; RBAC does not allow "
                             "it: grant the verb create"));
  EXPECT_EQ(create(401), absl::PermissionDeniedError(
                             "POST /apis/x/v1/reviews: HTTP 401: no; the API server does "
                             "not accept our credentials"));
  EXPECT_EQ(create(429), absl::UnavailableError("POST /apis/x/v1/reviews: HTTP 429: no"));
  EXPECT_EQ(answers_.back().refusal, "no");
  Get();
  EXPECT_THAT(std::string(Answered(404, R"({"message": "no"})").object.status().message()),
              HasSubstr("GET /apis/x/v1/reviews: HTTP 404: no; "));
}

TEST_F(ApiCallTest, AnAnswerThatIsNoObjectIsUnavailable) {
  Create();
  EXPECT_EQ(Answered(201, "[1]").object.status(),
            absl::UnavailableError("POST /apis/x/v1/reviews: the answer is no JSON object"));
  Get();
  EXPECT_EQ(Answered(200, "{").object.status(),
            absl::UnavailableError("GET /apis/x/v1/reviews: the answer is no JSON object"));
  Create();
  const std::string large = R"({"a": ")" + std::string(5'000'000, 'x') + R"("})";
  EXPECT_EQ(Answered(201, large).object.status(),
            absl::UnavailableError("POST /apis/x/v1/reviews: the answer is too large"));
}

TEST_F(ApiCallTest, NoAnswerIsUnavailableInTheTransportsWords) {
  Create();
  transport_.Done(0, absl::DeadlineExceededError("POST /x: no whole answer within 5s"));
  EXPECT_EQ(answers_.back().object.status(),
            absl::UnavailableError("POST /x: no whole answer within 5s"));
  EXPECT_EQ(answers_.back().http_status, 0);
  EXPECT_FALSE(answers_.back().proves_contact());
}

TEST_F(ApiCallTest, ADestroyedOneIsCancelled) {
  Create();
  request_.reset();
  EXPECT_FALSE(transport_.open(0));
}

}  // namespace
}  // namespace kgs::kube
