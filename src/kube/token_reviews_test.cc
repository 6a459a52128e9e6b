// SPDX-License-Identifier: Apache-2.0
#include "kube/token_reviews.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "kube/token_reviews_fixture.h"
#include "tests/support/fake_transport.h"

namespace kgs::kube::testing {
namespace {

using namespace std::chrono_literals;
using kgs::testing::FakeClock;
using kgs::testing::FakeTransport;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPod[] = "/api/v1/namespaces/gpu/pods/agent-x";

class TokenReviewsTest : public ::testing::Test {
 protected:
  void Make(const TokenReviewOptions& options = ReviewOptions()) {
    reviews_ = std::make_unique<TokenReviews>(
        options, transport_, clock_, [this] { return unix_now_; }, counters_);
  }
  void Review(const std::string& token) {
    reviews_->Review(token, answers_.Keep());
    transport_.RunPosted();
  }
  bool Asked(const std::string& path = kTokenReviewsPath) const {
    return transport_.Find(path) != FakeTransport::kNone;
  }
  void Answer(int status, const std::string& body, const std::string& path = kTokenReviewsPath) {
    ASSERT_TRUE(Asked(path)) << path;
    transport_.Answer(transport_.Find(path), status, body);
  }
  void Accept(const std::string& node) { Answer(201, AcceptedReview(node).dump()); }
  void AnswerPod(const std::string& uid, const std::string& node) {
    const nlohmann::json pod = {{"metadata", {{"uid", uid}}}, {"spec", {{"nodeName", node}}}};
    Answer(200, pod.dump(), kPod);
  }
  /// Of the latest; all have the same limits.
  absl::StatusOr<ReviewedToken> Last() const {
    if (answers_.all.empty()) return absl::UnknownError("no answer");
    const auto& last = answers_.all.back();
    EXPECT_LT(last.status().message().size(), 512U);
    EXPECT_THAT(std::string(last.status().message()), Not(HasSubstr("c2ln")));
    return last;
  }
  std::string LastNode() const { return Last().ok() ? Last()->node : Last().status().ToString(); }
  std::string LastMessage() const { return std::string(Last().status().message()); }

  FakeClock clock_;
  FakeTransport transport_{clock_};
  int64_t unix_now_ = kUnixNow;
  telemetry::TokenReviewCounters counters_;
  Answers answers_;
  std::unique_ptr<TokenReviews> reviews_;
};

TEST_F(TokenReviewsTest, AsksOnceAndRemembersUntilTheTokenEnds) {
  Make();
  const std::string token = TokenOf("a", 600);
  Review(token);
  ASSERT_TRUE(Asked());
  EXPECT_EQ(nlohmann::json::parse(*transport_.body(0)), TokenReviewOf(token, "scaler"));
  EXPECT_EQ(transport_.options(0).deadline, base::Duration(5s));
  EXPECT_TRUE(answers_.all.empty());
  Accept("node-a");
  ASSERT_TRUE(Last().ok()) << Last().status();
  EXPECT_EQ(Last()->node, "node-a");
  EXPECT_EQ(Last()->expires, clock_.Now() + 600s);
  const base::SteadyTime expires = Last()->expires;
  EXPECT_EQ(counters_.reviews.value(), 1U);
  // From memory, and from within Review.
  transport_.Advance(600s - 1ns);
  reviews_->Review(token, answers_.Keep());
  ASSERT_EQ(answers_.all.size(), 2U);
  EXPECT_EQ(Last()->node, "node-a");
  EXPECT_EQ(Last()->expires, expires);
  EXPECT_EQ(counters_.cached.value(), 1U);
  EXPECT_EQ(transport_.requests(), 1U);
  transport_.Advance(1ns);
  Review(token);
  EXPECT_TRUE(Asked());
  EXPECT_EQ(counters_.cached.value(), 1U);
}

TEST_F(TokenReviewsTest, AnotherTokenIsAnotherQuestion) {
  Make();
  Review(TokenOf("a"));
  Accept("node-a");
  Review(TokenOf("b"));
  Accept("node-b");
  EXPECT_EQ(LastNode(), "node-b");
  Review(TokenOf("a"));
  EXPECT_EQ(LastNode(), "node-a");
  EXPECT_EQ(transport_.requests(), 2U);
}

TEST_F(TokenReviewsTest, GetsThePodOfATokenWithoutANode) {
  Make();
  Review(TokenOf("a"));
  Accept("");
  ASSERT_TRUE(Asked(kPod));
  EXPECT_EQ(transport_.body(1), std::nullopt);
  EXPECT_EQ(transport_.options(1).deadline, base::Duration(5s));
  EXPECT_TRUE(answers_.all.empty());
  AnswerPod("p-1", "node-c");
  EXPECT_EQ(LastNode(), "node-c");
  Review(TokenOf("a"));
  EXPECT_EQ(LastNode(), "node-c");
  EXPECT_EQ(transport_.requests(), 2U);
  EXPECT_EQ(counters_.reviews.value(), 1U);
  EXPECT_EQ(counters_.failures.value(), 0U);
}

TEST_F(TokenReviewsTest, APodThatIsNotTheTokensIsRefused) {
  Make();
  Review(TokenOf("a"));
  Accept("");
  AnswerPod("p-2", "node-c");
  EXPECT_EQ(Last().status(), absl::PermissionDeniedError("the token's pod \"agent-x\" is gone"));
  Review(TokenOf("b"));
  Accept("");
  Answer(404, "{}", kPod);
  EXPECT_EQ(Last().status(), absl::PermissionDeniedError("the token's pod \"agent-x\" is gone"));
  Review(TokenOf("c"));
  Accept("");
  AnswerPod("p-1", "");
  EXPECT_EQ(Last().status(),
            absl::PermissionDeniedError("the token's pod \"agent-x\" is on no node"));
}

TEST_F(TokenReviewsTest, APodThatCannotBeHadIsUnavailable) {
  Make();
  Review(TokenOf("a"));
  Accept("");
  Answer(403, R"({"message": "pods is forbidden"})", kPod);
  EXPECT_TRUE(absl::IsUnavailable(Last().status()));
  EXPECT_THAT(LastMessage(), AllOf(HasSubstr(kPod), HasSubstr("HTTP 403"), HasSubstr("grant")));
  Review(TokenOf("a"));
  Accept("");
  transport_.Done(transport_.Find(kPod), absl::UnavailableError("GET x: Connection refused"));
  EXPECT_EQ(Last().status(), absl::UnavailableError("GET x: Connection refused"));
  EXPECT_EQ(counters_.failures.value(), 2U);
}

TEST_F(TokenReviewsTest, ARefusalIsRememberedForTenSeconds) {
  Make();
  Review(TokenOf("a"));
  Answer(201, R"({"status": {"error": "c2ln is no good"}})");
  EXPECT_TRUE(absl::IsUnauthenticated(Last().status()));
  transport_.Advance(10s - 1ns);
  Review(TokenOf("a"));
  EXPECT_TRUE(absl::IsUnauthenticated(Last().status()));
  EXPECT_EQ(answers_.all.size(), 2U);
  EXPECT_FALSE(Asked());
  EXPECT_EQ(counters_.cached.value(), 1U);
  EXPECT_EQ(counters_.failures.value(), 0U);
  transport_.Advance(1ns);
  Review(TokenOf("a"));
  Accept("node-a");
  EXPECT_EQ(LastNode(), "node-a");
}

TEST_F(TokenReviewsTest, AnotherAccountIsRefused) {
  TokenReviewOptions options = ReviewOptions();
  options.service_account_name = "other";
  Make(options);
  Review(TokenOf("a"));
  Accept("node-a");
  EXPECT_TRUE(absl::IsPermissionDenied(Last().status()));
  EXPECT_THAT(LastMessage(), AllOf(HasSubstr("system:serviceaccount:gpu:agent"),
                                   HasSubstr("system:serviceaccount:gpu:other")));
}

TEST_F(TokenReviewsTest, WhatHasNoAnswerIsUnavailableAndNotRemembered) {
  Make();
  const std::string path = std::string("POST ") + kTokenReviewsPath;
  const auto answered = [&](int status, const std::string& body) {
    Review(TokenOf("a"));
    Answer(status, body);
    EXPECT_TRUE(absl::IsUnavailable(Last().status()));
    return LastMessage();
  };
  // What the server says may have the token in it.
  const std::string echo = R"({"message": "strange: c2ln"})";
  EXPECT_EQ(answered(403, echo), path +
                                     ": HTTP 403: RBAC does not allow it: grant the hub's "
                                     "ServiceAccount the verb create on tokenreviews of "
                                     "authentication.k8s.io");
  EXPECT_EQ(answered(401, echo),
            path + ": HTTP 401: the API server does not accept the hub's credentials");
  EXPECT_EQ(answered(429, echo), path + ": HTTP 429");
  EXPECT_EQ(answered(400, echo), path + ": HTTP 400");
  EXPECT_EQ(answered(404, echo), path + ": HTTP 404");
  EXPECT_EQ(answered(500, "c2ln"), path + ": HTTP 500");
  EXPECT_EQ(answered(201, "c2ln"), path + ": the answer is no JSON object");
  EXPECT_EQ(answered(201, R"({"status": "c2ln"})"),
            "the API server's answer is no TokenReview: status: not an object");
  EXPECT_EQ(counters_.failures.value(), 8U);
  EXPECT_EQ(counters_.reviews.value(), 8U);
  Review(TokenOf("a"));
  transport_.Done(transport_.Find(kTokenReviewsPath),
                  absl::DeadlineExceededError("POST x: no whole answer within 5s"));
  EXPECT_EQ(Last().status(), absl::UnavailableError("POST x: no whole answer within 5s"));
  EXPECT_EQ(counters_.cached.value(), 0U);
  Review(TokenOf("a"));
  Accept("node-a");
  EXPECT_EQ(LastNode(), "node-a");
}

TEST_F(TokenReviewsTest, TheHubsClockSaysWhetherATokenHasEnded) {
  Make();
  for (const int64_t seconds : {0, -1, -100'000}) {
    Review(TokenOf("a", seconds));
    Accept("node-a");
    EXPECT_EQ(Last().status(),
              absl::UnauthenticatedError("the token has expired by the hub's clock"))
        << seconds;
  }
  unix_now_ = kUnixNow + 599;
  Review(TokenOf("b", 600));
  Accept("node-a");
  EXPECT_EQ(Last()->expires, clock_.Now() + 1s);
}

TEST_F(TokenReviewsTest, AFarEndIsBroughtNear) {
  Make();
  Review(TokenOf("a", 253'402'300'799 - kUnixNow));
  Accept("node-a");
  EXPECT_EQ(Last()->expires, clock_.Now() + 366 * 24h);
}

TEST_F(TokenReviewsTest, AnAcceptedTokenWithoutAnEndIsRefused) {
  Make();
  Review("e30.e30.c2lp");
  Accept("node-a");
  EXPECT_TRUE(absl::IsUnauthenticated(Last().status()));
  EXPECT_THAT(LastMessage(), HasSubstr("no claim exp"));
}

TEST_F(TokenReviewsTest, WhatCanBeNoTokenIsNotAskedAbout) {
  Make();
  for (const std::string& text :
       {std::string(), std::string("secret"), std::string("a.b.c\n"), std::string("a.\xff.c"),
        TokenOf("a") + std::string(20'000, 'x')}) {
    reviews_->Review(text, answers_.Keep());
    EXPECT_TRUE(absl::IsUnauthenticated(Last().status()));
    EXPECT_THAT(LastMessage(), Not(HasSubstr("secret")));
  }
  transport_.RunPosted();
  EXPECT_EQ(answers_.all.size(), 5U);
  EXPECT_EQ(transport_.requests(), 0U);
}

TEST_F(TokenReviewsTest, TheSameTokenSharesAQuestion) {
  Make();
  for (int i = 0; i < 3; ++i) Review(TokenOf("a"));
  Accept("");
  for (int i = 0; i < 3; ++i) Review(TokenOf("a"));
  EXPECT_TRUE(answers_.all.empty());
  AnswerPod("p-1", "node-a");
  ASSERT_EQ(answers_.all.size(), 6U);
  for (const auto& answer : answers_.all) EXPECT_EQ(answer->node, "node-a");
  EXPECT_EQ(transport_.requests(), 2U);
  EXPECT_EQ(counters_.reviews.value(), 1U);
  EXPECT_EQ(counters_.cached.value(), 0U);
}

TEST_F(TokenReviewsTest, OnlySoManyAreAskedAtATimeFirstComeFirstServed) {
  TokenReviewOptions options = ReviewOptions();
  options.most_under_way = 2;
  Make(options);
  for (const char* id : {"a", "b", "c", "d"}) Review(TokenOf(id));
  EXPECT_EQ(transport_.requests(), 2U);
  transport_.Answer(0, 201, AcceptedReview("").dump());
  // It is under way until its pod is known.
  ASSERT_EQ(transport_.requests(), 3U);
  EXPECT_EQ(transport_.path(2), kPod);
  transport_.Answer(1, 201, AcceptedReview("node-b").dump());
  ASSERT_EQ(transport_.requests(), 4U);
  EXPECT_EQ(nlohmann::json::parse(*transport_.body(3))["spec"]["token"], TokenOf("c"));
  AnswerPod("p-1", "node-a");
  ASSERT_EQ(transport_.requests(), 5U);
  EXPECT_EQ(nlohmann::json::parse(*transport_.body(4))["spec"]["token"], TokenOf("d"));
  transport_.Answer(4, 500, "");
  transport_.Answer(3, 500, "");
  EXPECT_EQ(answers_.all.size(), 4U);
}

TEST_F(TokenReviewsTest, TooManyWaitersAreRefusedAtOnce) {
  TokenReviewOptions options = ReviewOptions();
  options.most_under_way = 1;
  options.most_waiting = 3;
  Make(options);
  for (const char* id : {"a", "b", "b"}) Review(TokenOf(id));
  for (const char* id : {"a", "c"}) {
    reviews_->Review(TokenOf(id), answers_.Keep());
    EXPECT_EQ(Last().status(),
              absl::ResourceExhaustedError("3 tokens wait for the API server already: try again"));
  }
  Accept("node-a");
  EXPECT_EQ(LastNode(), "node-a");
  // What is known is told all the same, and one place is free.
  Review(TokenOf("a"));
  EXPECT_EQ(LastNode(), "node-a");
  Review(TokenOf("c"));
  EXPECT_EQ(answers_.all.size(), 4U);
  Accept("node-b");
  Accept("node-c");
  EXPECT_EQ(answers_.all.size(), 7U);
  EXPECT_EQ(LastNode(), "node-c");
}

TEST_F(TokenReviewsTest, WhatHasWaitedTooLongIsNotAskedAboutAnyMore) {
  TokenReviewOptions options = ReviewOptions();
  options.most_under_way = 1;
  Make(options);
  for (const char* id : {"a", "b", "c"}) Review(TokenOf(id));
  transport_.Advance(5s);
  Review(TokenOf("d"));
  transport_.Advance(1ns);
  Accept("node-a");
  ASSERT_EQ(answers_.all.size(), 3U);
  EXPECT_TRUE(absl::IsUnavailable(answers_.all[1].status()));
  EXPECT_TRUE(absl::IsUnavailable(answers_.all[2].status()));
  EXPECT_THAT(LastMessage(), HasSubstr("is behind"));
  EXPECT_EQ(nlohmann::json::parse(*transport_.body(1))["spec"]["token"], TokenOf("d"));
  Accept("node-d");
  EXPECT_EQ(LastNode(), "node-d");
  EXPECT_EQ(counters_.reviews.value(), 2U);
}

TEST_F(TokenReviewsTest, RemembersSoManyGoodOnesAndTheLastToEndLongest) {
  TokenReviewOptions options = ReviewOptions();
  options.most_cached = 2;
  Make(options);
  for (const int64_t seconds : {300, 100, 200}) {
    Review(TokenOf("a", seconds));
    Accept("node-a");
  }
  for (const int64_t seconds : {300, 200}) Review(TokenOf("a", seconds));
  EXPECT_EQ(counters_.cached.value(), 2U);
  Review(TokenOf("a", 100));
  EXPECT_TRUE(Asked());
}

TEST_F(TokenReviewsTest, RefusalsPushOutNoGoodOne) {
  TokenReviewOptions options = ReviewOptions();
  options.most_cached = 1;
  Make(options);
  Review(TokenOf("good"));
  Accept("node-a");
  for (int i = 0; i < 5000; ++i) {
    Review(TokenOf(std::to_string(i)));
    Answer(201, "{}");
    transport_.Advance(1ns);
  }
  EXPECT_EQ(counters_.cached.value(), 0U);
  Review(TokenOf("good"));
  Review(TokenOf("4999"));
  EXPECT_EQ(counters_.cached.value(), 2U);
  // Of those that are refused the oldest are forgotten.
  Review(TokenOf("0"));
  EXPECT_TRUE(Asked());
}

TEST_F(TokenReviewsTest, AnAnswerMayAskAgain) {
  Make();
  std::vector<std::string> nodes;
  reviews_->Review(TokenOf("a"), [&](const absl::StatusOr<ReviewedToken>& answer) {
    nodes.push_back(answer->node);
    // This one is known by now, the other is not.
    reviews_->Review(TokenOf("a"), [&](const absl::StatusOr<ReviewedToken>& again) {
      nodes.push_back(again->node + " again");
    });
    reviews_->Review(TokenOf("b"), answers_.Keep());
  });
  transport_.RunPosted();
  Accept("node-a");
  EXPECT_EQ(nodes, (std::vector<std::string>{"node-a", "node-a again"}));
  transport_.RunPosted();
  Accept("node-b");
  EXPECT_EQ(LastNode(), "node-b");
}

TEST_F(TokenReviewsTest, QuestionsThatAreOpenEndWithIt) {
  TokenReviewOptions options = ReviewOptions();
  options.most_under_way = 1;
  Make(options);
  Review(TokenOf("a"));
  Review(TokenOf("b"));
  reviews_.reset();
  EXPECT_FALSE(Asked());
  EXPECT_TRUE(answers_.all.empty());
}

TEST_F(TokenReviewsTest, AnyThreadMayAsk) {
  Make();
  constexpr int kThreads = 4;
  constexpr int kEach = 100;
  std::vector<Answers> answers(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < kEach; ++j) {
        reviews_->Review(TokenOf(std::to_string(j)), answers[static_cast<size_t>(i)].Keep());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  transport_.RunPosted();
  while (Asked()) Accept("node-a");
  for (const Answers& of_thread : answers) EXPECT_EQ(of_thread.all.size(), size_t{kEach});
  EXPECT_EQ(counters_.reviews.value(), uint64_t{kEach});
}

}  // namespace
}  // namespace kgs::kube::testing
