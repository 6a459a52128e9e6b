// SPDX-License-Identifier: Apache-2.0
#include "kube/client/curl_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/build_info.h"
#include "kube/client/curl_transport_fixture.h"
#include "tests/support/loopback_server.h"

namespace kgs::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::Connection;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using ::testing::Not;
using ::testing::StartsWith;

class CurlTransportTest : public CurlTransportFixture {};

std::string Ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string Chunk(const std::string& data) {
  std::ostringstream chunk;
  chunk << std::hex << data.size() << "\r\n" << data << "\r\n";
  return chunk.str();
}
constexpr char kStream[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// Answers each request of each connection with its own head, as text.
void Echo(Connection& connection, int /*number*/) {
  while (const auto head = connection.ReadHead()) connection.Send(Ok(*head));
}
// Begins an answer that never ends.
void SendNoEnd(Connection& connection, int /*number*/) {
  if (!connection.ReadHead()) return;
  connection.Send(kStream + Chunk("begun"));
  connection.AwaitClosed();
}

TEST_F(CurlTransportTest, AsksAsItShould) {
  const LoopbackServer server(Echo);
  StartTo(server.port());
  const auto answer = Get("/api/v1/pods?limit=500&continue=a%3D/../b");
  EXPECT_EQ(answer->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(answer->AwaitHead().status, 200);
  EXPECT_THAT(
      answer->body(),
      AllOf(StartsWith("GET /api/v1/pods?limit=500&continue=a%3D/../b HTTP/1.1\r\n"),
            HasSubstr("\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"),
            HasSubstr("\r\nUser-Agent: keda-gpu-scaler/" + std::string(base::Version()) + "\r\n"),
            HasSubstr("\r\nAccept: application/json\r\n"),
            HasSubstr("\r\nAccept-Encoding: identity\r\n"), Not(HasSubstr("Authorization"))));
}

TEST_F(CurlTransportTest, ConnectionsAreUsedAgain) {
  const LoopbackServer server(Echo);
  StartTo(server.port());
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(Get("/" + std::to_string(i))->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(CurlTransportTest, HeadsOfAnyStatusAndRetryAfter) {
  const LoopbackServer server([](Connection& connection, int /*number*/) {
    connection.ReadHead();
    connection.Send("HTTP/1.1 103 Early Hints\r\nRetry-After: 99\r\n\r\n");
    connection.Send("HTTP/1.1 429 Too Many\r\nretry-after:  7 \r\nContent-Length: 4\r\n\r\nbusy");
    connection.ReadHead();
    connection.Send(
        "HTTP/1.1 503 x\r\nRetry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n"
        "Content-Length: 0\r\n\r\n");
    connection.ReadHead();
    connection.Send(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
        "Retry-After: -1\r\nContent-Length: 0\r\n\r\n");
    connection.AwaitClosed();
  });
  StartTo(server.port());
  const auto busy = Get("/busy");
  EXPECT_EQ(busy->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(busy->heads(), 1U);
  EXPECT_EQ(busy->AwaitHead().status, 429);
  EXPECT_EQ(busy->AwaitHead().retry_after, base::Duration(7s));
  EXPECT_EQ(busy->body(), "busy");
  const auto date = Get("/date");
  EXPECT_EQ(date->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(date->AwaitHead().status, 503);
  EXPECT_EQ(date->AwaitHead().retry_after, std::nullopt);
  // A redirect is handed out, not followed: a token goes nowhere else.
  const auto moved = Get("/moved");
  EXPECT_EQ(moved->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(moved->AwaitHead().status, 302);
  EXPECT_EQ(moved->AwaitHead().retry_after, std::nullopt);
}

TEST_F(CurlTransportTest, AStreamComesPieceByPiece) {
  std::promise<void> seen;
  const LoopbackServer server([&](Connection& connection, int /*number*/) {
    connection.ReadHead();
    connection.Send(kStream + Chunk("one\n"));
    seen.get_future().wait();
    connection.Send(Chunk("two\n") + "0\r\nX-Trailer: not a head\r\n\r\n");
    connection.AwaitClosed();
  });
  StartTo(server.port());
  const auto answer = Get("/watch");
  EXPECT_EQ(answer->AwaitBody(4), "one\n");
  EXPECT_FALSE(answer->done());
  seen.set_value();
  EXPECT_EQ(answer->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(answer->body(), "one\ntwo\n");
  EXPECT_EQ(answer->heads(), 1U);
}

TEST_F(CurlTransportTest, ALargeBodyComesWhole) {
  std::string body(20'000'000, 'x');
  for (size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i / 1000 % 26);
  const LoopbackServer server([&](Connection& connection, int /*number*/) {
    connection.ReadHead();
    connection.Send(Ok(body));
  });
  StartTo(server.port());
  const auto answer = Get("/large");
  EXPECT_EQ(answer->AwaitDone(), absl::OkStatus());
  EXPECT_TRUE(answer->body() == body);
}

TEST_F(CurlTransportTest, ARefusedConnectionIsToldTheSameEachTime) {
  int port = 0;
  {
    const LoopbackServer gone(Echo);
    port = gone.port();
  }
  StartTo(port);
  const absl::Status expected = absl::UnavailableError(
      "GET http://127.0.0.1:" + std::to_string(port) + "/api/v1/pods: Connection refused");
  EXPECT_EQ(Get("/api/v1/pods?resourceVersion=1")->AwaitDone(), expected);
  EXPECT_EQ(Get("/api/v1/pods?resourceVersion=2")->AwaitDone(), expected);
}

TEST_F(CurlTransportTest, AnAnswerThatBreaksOffIsNoAnswer) {
  const LoopbackServer server([](Connection& connection, int number) {
    connection.ReadHead();
    if (number == 0) connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    if (number == 1) connection.Send(kStream + Chunk("half"));
    if (number == 2) connection.Send("HTTP/1.1 200 OK\r\nContent-Le");
    if (number == 3) connection.Send("SSH-2.0-OpenSSH_9.2\r\n");
  });
  StartTo(server.port());
  const std::string where = "GET http://127.0.0.1:" + std::to_string(server.port()) + "/: ";
  for (int i = 0; i < 5; ++i) {
    const absl::Status status = Get("/")->AwaitDone();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << i;
    EXPECT_THAT(std::string(status.message()), StartsWith(where)) << i;
  }
}

TEST_F(CurlTransportTest, APathThatIsNotAbsoluteIsRefused) {
  StartTo(1);
  EXPECT_EQ(Get("@example.com/")->AwaitDone().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CurlTransportTest, SilenceEndsARequestAndAnyByteBeginsItAnew) {
  std::promise<void> more;
  const LoopbackServer server([&](Connection& connection, int /*number*/) {
    connection.ReadHead();
    connection.Send(kStream + Chunk("one"));
    more.get_future().wait();
    connection.Send(Chunk("two"));
    connection.AwaitClosed();
  });
  StartTo(server.port());
  RequestOptions options;
  options.longest_silence = 30s;
  const auto answer = Get("/watch?x=1", options);
  answer->AwaitBody(3);
  Advance(29s);
  EXPECT_FALSE(answer->done());
  more.set_value();
  answer->AwaitBody(6);
  Advance(29s);
  EXPECT_FALSE(answer->done());
  Advance(1s);
  EXPECT_EQ(answer->AwaitDone(),
            absl::DeadlineExceededError("GET http://127.0.0.1:" + std::to_string(server.port()) +
                                        "/watch: nothing came for 30s"));
}

// Requests share connections, so what has said nothing since a request began that was cut off is
// cut off as well; what has is not.
TEST_F(CurlTransportTest, AWatchThatIsSilentSinceACutOffRequestBeganIsOver) {
  std::promise<void> speak;
  LoopbackServer server([&](Connection& connection, int) {
    const auto head = connection.ReadHead();
    if (!head) return;
    if (head->find("GET /watch") == 0) connection.Send(kStream);
    if (head->find("GET /watch-b") == 0) {
      speak.get_future().wait();
      connection.Send(Chunk("x"));
    }
    connection.AwaitClosed();
  });
  StartTo(server.port());
  RequestOptions watch;
  watch.longest_silence = 100s;
  const auto silent = Get("/watch-a", watch);
  const auto speaking = Get("/watch-b", watch);
  silent->AwaitHead();
  speaking->AwaitHead();
  Advance(10s);
  RequestOptions probe;
  probe.deadline = 5s;
  const auto cut_off = Get("/version", probe);
  Advance(1s);
  speak.set_value();
  speaking->AwaitBody(1);
  Advance(4s);
  EXPECT_TRUE(absl::IsDeadlineExceeded(cut_off->AwaitDone()));
  const absl::Status over = silent->AwaitDone();
  EXPECT_TRUE(absl::IsUnavailable(over)) << over;
  EXPECT_THAT(std::string(over.message()), HasSubstr("/watch-a: its connection has gone silent"));
  EXPECT_FALSE(speaking->done());
}

TEST_F(CurlTransportTest, ADeadlineIsForTheWholeAnswer) {
  const LoopbackServer server(SendNoEnd);
  StartTo(server.port());
  RequestOptions options;
  options.deadline = 10s;
  const auto answer = Get("/list", options);
  answer->AwaitBody(5);
  Advance(9s);
  EXPECT_FALSE(answer->done());
  Advance(1s);
  EXPECT_EQ(answer->AwaitDone(),
            absl::DeadlineExceededError("GET http://127.0.0.1:" + std::to_string(server.port()) +
                                        "/list: no whole answer within 10s"));
}

// The four places at which a handler may let go of its request.
TEST_F(CurlTransportTest, ARequestMayBeDestroyedFromWithinItsHandlers) {
  const LoopbackServer server([](Connection& connection, int /*number*/) {
    while (connection.ReadHead()) connection.Send(Ok(std::string(500'000, 'x')));
  });
  StartTo(server.port());
  for (const std::string where : {"head", "data", "done", "at once"}) {
    std::unique_ptr<Request> request;
    std::vector<std::string> calls;
    std::promise<void> reached;
    const auto at = [&](const std::string& here) {
      calls.push_back(here);
      if (here != where) return;
      request.reset();
      reached.set_value();
    };
    OnLoop([&] {
      request = transport_->Get("/", {},
                                {[&](const ResponseHead& /*head*/) { at("head"); },
                                 [&](std::string_view /*data*/) {
                                   if (calls.back() != "data") at("data");
                                 },
                                 [&](const absl::Status& /*status*/) { at("done"); }});
      if (where == "at once") at("at once");
    });
    reached.get_future().wait();
    // The loop lives, and calls nothing more.
    EXPECT_EQ(Get("/")->AwaitDone(), absl::OkStatus());
    EXPECT_EQ(calls.back(), where);
  }
}

TEST_F(CurlTransportTest, AHandlerMayAskForMore) {
  const LoopbackServer server(Echo);
  StartTo(server.port());
  Answer first;
  Answer second;
  std::unique_ptr<Request> first_request;
  std::unique_ptr<Request> second_request;
  OnLoop([&] {
    RequestHandlers handlers = first.Handlers();
    handlers.on_head = [&](const ResponseHead& /*head*/) {
      second_request = transport_->Get("/second", {}, second.Handlers());
      first_request.reset();
    };
    first_request = transport_->Get("/first", {}, std::move(handlers));
  });
  EXPECT_EQ(second.AwaitDone(), absl::OkStatus());
  EXPECT_THAT(second.body(), StartsWith("GET /second "));
  Stop();
}

TEST_F(CurlTransportTest, PostsAndTimersRunInOrder) {
  StartTo(1);
  std::vector<std::string> calls;
  std::vector<std::unique_ptr<Request>> timers;
  OnLoop([&] {
    for (const int seconds : {3, 1, 2}) {
      timers.push_back(transport_->After(std::chrono::seconds(seconds), [&calls, seconds] {
        calls.push_back(std::to_string(seconds));
      }));
    }
    timers.pop_back();  // That of two seconds.
  });
  Advance(1s);
  OnLoop([&] { EXPECT_THAT(calls, ElementsAre("1")); });
  Advance(9s);
  OnLoop([&] { EXPECT_THAT(calls, ElementsAre("1", "3")); });
  OnLoop([&] { EXPECT_EQ(transport_->Now(), clock_.Now()); });
  Stop();
}

TEST_F(CurlTransportTest, PostsComeFromAnyThread) {
  StartTo(1);
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  int calls = 0;  // Touched by the loop only.
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kEach; ++j) transport_->Post([&calls] { ++calls; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  OnLoop([&] { EXPECT_EQ(calls, kThreads * kEach); });
}

TEST_F(CurlTransportTest, ATimerOfTheRealClockNeedsNoPost) {
  const base::SteadyClock clock;
  auto made = CurlTransport::Make({"http://127.0.0.1:1"}, "kube", clock);
  ASSERT_TRUE(made.ok());
  std::promise<base::SteadyTime> called;
  std::unique_ptr<Request> timer;
  const base::SteadyTime before = clock.Now();
  (*made)->Post([&] { timer = (*made)->After(20ms, [&] { called.set_value(clock.Now()); }); });
  (*made)->Start();
  EXPECT_GE(called.get_future().get() - before, 20ms);
  EXPECT_LT((*made)->Health().age, (*made)->Health().limit);
  EXPECT_EQ((*made)->Health().name, "kube");
  (*made)->Stop();
}

TEST_F(CurlTransportTest, StopsAtOnceWithWatchesOpenAndCallsNothingAfterwards) {
  const LoopbackServer server(SendNoEnd);
  StartTo(server.port());
  std::vector<std::shared_ptr<Answer>> watches;
  for (int i = 0; i < 5; ++i) watches.push_back(Get("/watch"));
  for (const auto& watch : watches) watch->AwaitBody(5);
  bool called = false;
  std::unique_ptr<Request> timer;
  OnLoop([&] { timer = transport_->After(1s, [&] { called = true; }); });
  const auto before = std::chrono::steady_clock::now();
  transport_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 30s) << "the watches have no end";
  clock_.Advance(1h);
  transport_->Post([&] { called = true; });
  for (const auto& watch : watches) EXPECT_FALSE(watch->done());
  EXPECT_FALSE(called);
  // Owners destroy theirs afterwards, in any order.
  timer.reset();
  requests_.clear();
  transport_.reset();
}

TEST_F(CurlTransportTest, WhatOwnersHoldMayOutliveTheTransport) {
  const LoopbackServer server(SendNoEnd);
  StartTo(server.port());
  Get("/watch")->AwaitBody(5);
  std::unique_ptr<Request> timer;
  OnLoop([&] { timer = transport_->After(1s, [] {}); });
  transport_->Stop();
  transport_.reset();
  timer.reset();
  requests_.clear();
}

TEST_F(CurlTransportTest, MayBeStoppedWithoutAStart) {
  auto made = CurlTransport::Make({"http://127.0.0.1:1"}, "kube", clock_);
  ASSERT_TRUE(made.ok());
  (*made)->Post([] { FAIL() << "not started"; });
  (*made)->Stop();
  (*made)->Stop();
}

TEST(MakeTest, RefusesCredentialsThatCannotBeUsed) {
  const base::SteadyClock clock;
  const auto refusal = [&clock](Credentials credentials) {
    credentials.server = "https://127.0.0.1:1";
    return CurlTransport::Make(std::move(credentials), "kube", clock).status();
  };
  Credentials authority;
  authority.certificate_authority = "secret";
  EXPECT_EQ(refusal(authority),
            absl::InvalidArgumentError("certificate authority: holds no PEM certificate"));
  Credentials client;
  client.client_certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
  client.client_key = "secret";
  EXPECT_EQ(refusal(client), absl::InvalidArgumentError("client key: holds no PEM private key"));
  Credentials token;
  token.token = "sec\nret";
  EXPECT_EQ(refusal(token), absl::InvalidArgumentError("token: holds something that is no token"));
}

}  // namespace
}  // namespace kgs::kube
