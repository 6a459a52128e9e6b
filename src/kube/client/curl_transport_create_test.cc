// SPDX-License-Identifier: Apache-2.0
//
// What a POST has that a GET has not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"
#include "kube/client/curl_transport.h"
#include "kube/client/curl_transport_fixture.h"
#include "tests/support/loopback_server.h"

namespace kgs::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::Connection;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using ::testing::Not;
using ::testing::StartsWith;

class CurlTransportCreateTest : public CurlTransportFixture {};

std::string Created(const std::string& body) {
  return "HTTP/1.1 201 Created\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

size_t LengthIn(const std::string& head) {
  constexpr std::string_view kName = "\r\nContent-Length: ";
  const size_t at = head.find(kName);
  if (at == std::string::npos) return 0;
  const size_t begin = at + kName.size();
  return static_cast<size_t>(
      base::ParseInteger(head.substr(begin, head.find('\r', begin) - begin)).value_or(0));
}

// Answers each request with itself.
void Echo(Connection& connection, int /*number*/) {
  while (const auto head = connection.ReadHead()) {
    const auto body = connection.Read(LengthIn(*head));
    if (!body) return;
    connection.Send(Created(*head + *body));
  }
}

TEST_F(CurlTransportCreateTest, SendsJson) {
  const LoopbackServer server(Echo);
  StartTo(server.port());
  const auto answer = Create("/apis/x/v1/reviews?dryRun=All", R"({"a": "b"})");
  EXPECT_EQ(answer->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(answer->AwaitHead().status, 201);
  EXPECT_EQ(answer->heads(), 1U);
  EXPECT_THAT(answer->body(),
              AllOf(StartsWith("POST /apis/x/v1/reviews?dryRun=All HTTP/1.1\r\n"),
                    HasSubstr("\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"),
                    HasSubstr("\r\nAccept: application/json\r\n"),
                    HasSubstr("\r\nContent-Type: application/json\r\n"),
                    HasSubstr("\r\nContent-Length: 10\r\n"), EndsWith("\r\n\r\n{\"a\": \"b\"}"),
                    Not(HasSubstr("form"))));
}

TEST_F(CurlTransportCreateTest, ABodyMayBeEmptyAndMayHoldAnyByte) {
  const LoopbackServer server(Echo);
  StartTo(server.port());
  const auto empty = Create("/", "");
  EXPECT_EQ(empty->AwaitDone(), absl::OkStatus());
  EXPECT_THAT(empty->body(), AllOf(StartsWith("POST / "), HasSubstr("\r\nContent-Length: 0\r\n"),
                                   EndsWith("\r\n\r\n")));
  const std::string bytes("a\0b", 3);
  const auto zero = Create("/", bytes);
  EXPECT_EQ(zero->AwaitDone(), absl::OkStatus());
  EXPECT_THAT(zero->body(), EndsWith("\r\n\r\n" + bytes));
}

TEST_F(CurlTransportCreateTest, ALargeBodyGoesWholeAndAtOnce) {
  const LoopbackServer server(Echo);
  StartTo(server.port());
  std::string body(3'000'000, 'x');
  for (size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i / 1000 % 26);
  const auto answer = Create("/large", body);
  EXPECT_EQ(answer->AwaitDone(), absl::OkStatus());
  const std::string echo = answer->body();
  EXPECT_EQ(echo.find("Expect:"), std::string::npos);
  EXPECT_TRUE(echo.substr(echo.size() - body.size()) == body);
}

TEST_F(CurlTransportCreateTest, SharesConnectionsWithGets) {
  const LoopbackServer server(Echo);
  StartTo(server.port());
  for (int i = 0; i < 3; ++i) {
    const auto created = Create("/create", "{}");
    EXPECT_EQ(created->AwaitDone(), absl::OkStatus());
    EXPECT_THAT(created->body(), StartsWith("POST /create "));
    const auto got = Get("/get");
    EXPECT_EQ(got->AwaitDone(), absl::OkStatus());
    EXPECT_THAT(got->body(), AllOf(StartsWith("GET /get "), Not(HasSubstr("Content-"))));
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(CurlTransportCreateTest, ARedirectIsHandedOutAndTheBodyGoesNowhereElse) {
  const LoopbackServer server([](Connection& connection, int /*number*/) {
    const auto head = connection.ReadHead();
    if (!head || !connection.Read(LengthIn(*head))) return;
    connection.Send("HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    EXPECT_FALSE(connection.ReadHead()) << "asked again";
  });
  StartTo(server.port());
  const auto moved = Create("/", "{}");
  EXPECT_EQ(moved->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(moved->AwaitHead().status, 307);
}

TEST_F(CurlTransportCreateTest, ErrorsNameTheRequestAndNotItsBody) {
  int port = 0;
  {
    const LoopbackServer gone(Echo);
    port = gone.port();
  }
  StartTo(port);
  EXPECT_EQ(Create("/apis/x?y=1", "secret")->AwaitDone(),
            absl::UnavailableError("POST http://127.0.0.1:" + std::to_string(port) +
                                   "/apis/x: Connection refused"));
  const absl::Status relative = Create("apis", "secret")->AwaitDone();
  EXPECT_EQ(relative.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(relative.message()),
              AllOf(StartsWith("POST "), Not(HasSubstr("secret"))));
}

TEST_F(CurlTransportCreateTest, ADeadlineIsForItToo) {
  const LoopbackServer server([](Connection& connection, int /*number*/) {
    if (connection.ReadHead())
      connection.Send("HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{");
    connection.AwaitClosed();
  });
  StartTo(server.port());
  RequestOptions options;
  options.deadline = 5s;
  const auto answer = Create("/slow", "{}", options);
  answer->AwaitBody(1);
  Advance(4s);
  EXPECT_FALSE(answer->done());
  Advance(1s);
  EXPECT_EQ(answer->AwaitDone(),
            absl::DeadlineExceededError("POST http://127.0.0.1:" + std::to_string(server.port()) +
                                        "/slow: no whole answer within 5s"));
}

TEST_F(CurlTransportCreateTest, StopsWithOneOnItsWay) {
  const LoopbackServer server([](Connection& connection, int /*number*/) {
    connection.ReadHead();
    connection.AwaitClosed();
  });
  StartTo(server.port());
  const auto under_way = Create("/", std::string(5'000'000, 'x'));
  Stop();
  transport_.reset();
  EXPECT_FALSE(under_way->done());
}

}  // namespace
}  // namespace kgs::kube
