// SPDX-License-Identifier: Apache-2.0
//
// TokenReviews over the real event loop.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "kube/client/curl_transport.h"
#include "kube/token_reviews_fixture.h"
#include "tests/support/loopback_server.h"

namespace kgs::kube::testing {
namespace {

using kgs::testing::Connection;
using kgs::testing::LoopbackServer;

class TokenReviewsTransportTest : public ::testing::Test {
 protected:
  void StartTo(int port) {
    Credentials credentials;
    credentials.server = "http://127.0.0.1:" + std::to_string(port);
    auto made = CurlTransport::Make(std::move(credentials), "kube", clock_);
    ASSERT_TRUE(made.ok()) << made.status();
    transport_ = *std::move(made);
    transport_->Start();
    reviews_ = std::make_unique<TokenReviews>(
        ReviewOptions(), *transport_, clock_, [] { return kUnixNow; }, counters_);
  }

  const base::SteadyClock clock_;
  telemetry::TokenReviewCounters counters_;
  std::unique_ptr<CurlTransport> transport_;
  std::unique_ptr<TokenReviews> reviews_;
};

TEST_F(TokenReviewsTransportTest, ThreadsAskAndAreAnswered) {
  const std::string body = AcceptedReview("node-a").dump();
  // Without looking at what is sent: heads follow bodies without a gap.
  const LoopbackServer server([&](Connection& connection, int /*number*/) {
    while (connection.ReadHead()) {
      connection.Send("HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body);
      connection.AwaitClosed();
    }
  });
  StartTo(server.port());
  constexpr int kThreads = 4;
  constexpr int kEach = 25;
  std::atomic<int> accepted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kEach; ++j) {
        std::promise<bool> done;
        reviews_->Review(TokenOf(std::to_string(j)), [&](const auto& answer) {
          done.set_value(answer.ok() && answer->node == "node-a");
        });
        if (done.get_future().get()) ++accepted;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, kThreads * kEach);
  EXPECT_EQ(counters_.reviews.value(), uint64_t{kEach});
  transport_->Stop();
}

TEST_F(TokenReviewsTransportTest, WhatHasNoAnswerWhenTheLoopStopsNeverGetsOne) {
  std::promise<void> asked;
  const LoopbackServer server([&](Connection& connection, int number) {
    connection.ReadHead();
    if (number == 0) asked.set_value();
    connection.AwaitClosed();
  });
  StartTo(server.port());
  // Held by what waits: gone once all of it is dropped.
  const auto held = std::make_shared<int>();
  const auto never = [held](const auto& /*answer*/) { FAIL() << "called"; };
  for (int i = 0; i < 50; ++i) reviews_->Review(TokenOf(std::to_string(i)), never);
  asked.get_future().wait();
  transport_->Stop();
  reviews_->Review(TokenOf("after"), never);
  reviews_.reset();
  EXPECT_EQ(held.use_count(), 2);  // Here and in never.
  transport_.reset();
}

}  // namespace
}  // namespace kgs::kube::testing
