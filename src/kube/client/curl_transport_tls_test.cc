// SPDX-License-Identifier: Apache-2.0
//
// CurlTransport over TLS: who is trusted, and HTTP/2.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <map>
#include <string>

#include "kube/client/curl_transport.h"
#include "kube/client/curl_transport_fixture.h"
#include "tests/support/loopback_server.h"
#include "tests/support/test_certificates.h"

namespace kgs::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::Connection;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using testing::PemPair;
using testing::ServerContext;
using testing::SslContext;
using ::testing::StartsWith;
using testing::TestAuthority;

void Echo(Connection& connection, int /*number*/) {
  while (const auto head = connection.ReadHead()) {
    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(head->size()) +
                    "\r\n\r\n" + *head);
  }
}

class TlsTest : public CurlTransportFixture {
 protected:
  Credentials To(int port) const {
    Credentials credentials;
    credentials.server = "https://127.0.0.1:" + std::to_string(port);
    credentials.certificate_authority = authority_.pem();
    return credentials;
  }
  std::string Error(Credentials credentials) {
    StartTo(std::move(credentials));
    const absl::Status status = Get("/")->AwaitDone();
    Stop();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    return std::string(status.message());
  }

  const TestAuthority authority_;
  const PemPair own_ = authority_.Issue("server", "IP:127.0.0.1");
};

TEST_F(TlsTest, TrustsTheAuthorityItIsGiven) {
  const auto context = ServerContext(own_, "http/1.1");
  const LoopbackServer server(Echo, context.get());
  StartTo(To(server.port()));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Get("/")->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(TlsTest, TrustsNoOther) {
  const auto context = ServerContext(own_, "http/1.1");
  const LoopbackServer server(Echo, context.get());
  Credentials credentials = To(server.port());
  credentials.certificate_authority = TestAuthority("another").pem();
  const std::string error = Error(credentials);
  EXPECT_THAT(error, AllOf(StartsWith("GET " + credentials.server + "/: "),
                           HasSubstr("SSL certificate problem")));
  credentials.certificate_authority = TestAuthority("test authority").pem();
  EXPECT_THAT(Error(credentials), AllOf(HasSubstr("TLS handshake failed: "),
                                        HasSubstr("is the certificate authority that of this")));
  credentials.certificate_authority.clear();  // Those of the system.
  EXPECT_THAT(Error(credentials), HasSubstr("SSL certificate problem"));
  credentials.insecure_skip_tls_verify = true;
  StartTo(credentials);
  EXPECT_EQ(Get("/")->AwaitDone(), absl::OkStatus());
}

TEST_F(TlsTest, TheNameIsVerified) {
  const auto context = ServerContext(authority_.Issue("server", "DNS:kube.test"), "http/1.1");
  const LoopbackServer server(Echo, context.get());
  Credentials credentials = To(server.port());
  const std::string error = Error(credentials);
  EXPECT_THAT(error, HasSubstr("127.0.0.1'"));
  EXPECT_EQ(error, Error(credentials));
  credentials.tls_server_name = "other.test";
  EXPECT_THAT(Error(credentials), HasSubstr("'other.test'"));
  credentials.tls_server_name = "kube.test";
  StartTo(credentials);
  const auto answer = Get("/path");
  EXPECT_EQ(answer->AwaitDone(), absl::OkStatus());
  EXPECT_THAT(answer->body(),
              HasSubstr("\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"));
}

TEST_F(TlsTest, ShowsItsOwnCertificate) {
  const auto context = ServerContext(own_, "http/1.1", authority_.pem());
  const LoopbackServer server(Echo, context.get());
  Credentials credentials = To(server.port());
  // TLS 1.3 tells a client late that its certificate is missing: in words of OpenSSL or not at all.
  EXPECT_THAT(Error(credentials), StartsWith("GET " + credentials.server + "/: "));
  const PemPair client = authority_.Issue("hub", "");
  credentials.client_certificate = client.certificate;
  credentials.client_key = client.key;
  StartTo(credentials);
  EXPECT_EQ(Get("/")->AwaitDone(), absl::OkStatus());
  Stop();
  credentials.client_key = authority_.Issue("other", "").key;
  EXPECT_THAT(Error(credentials), HasSubstr("private key"));
}

// HTTP/2: just enough of a server to answer.

constexpr char kDataFrame = 0;
constexpr char kHeadersFrame = 1;
constexpr char kSettingsFrame = 4;
constexpr char kPingFrame = 6;
constexpr char kAck = 1;
constexpr char kEndStream = 1;
constexpr char kEndHeaders = 4;

std::string Frame(char type, char flags, uint32_t stream, const std::string& payload) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame += static_cast<char>(payload.size() >> shift & 0xff);
  frame += {type, flags};
  for (const int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift & 0xff);
  return frame + payload;
}

// ":status: 200" of HPACK's static table.
std::string Head(uint32_t stream) { return Frame(kHeadersFrame, kEndHeaders, stream, "\x88"); }
std::string Data(uint32_t stream, const std::string& data) {
  return Frame(kDataFrame, 0, stream, data);
}
std::string End(uint32_t stream) { return Frame(kDataFrame, kEndStream, stream, ""); }

// Calls \p on_request for the head of each request, and \p on_data for each piece of its body.
void ServeHttp2(Connection& connection, const std::function<void(uint32_t stream)>& on_request,
                const std::function<void(uint32_t stream, const std::string& data)>& on_data = {}) {
  constexpr size_t kPrefaceBytes = 24;
  constexpr size_t kFrameHeaderBytes = 9;
  EXPECT_TRUE(connection.speaks_http2());
  if (!connection.Read(kPrefaceBytes)) return;
  connection.Send(Frame(kSettingsFrame, 0, 0, ""));
  while (const auto header = connection.Read(kFrameHeaderBytes)) {
    const auto byte = [&header](size_t i) {
      return static_cast<uint32_t>(static_cast<unsigned char>((*header)[i]));
    };
    const auto payload = connection.Read(byte(0) << 16 | byte(1) << 8 | byte(2));
    if (!payload) return;
    const char type = (*header)[3];
    const bool ack = ((*header)[4] & kAck) != 0;
    if (type == kSettingsFrame && !ack) connection.Send(Frame(kSettingsFrame, kAck, 0, ""));
    if (type == kPingFrame && !ack) connection.Send(Frame(kPingFrame, kAck, 0, *payload));
    const uint32_t stream = byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
    if (type == kHeadersFrame) on_request(stream);
    if (type == kDataFrame && on_data) on_data(stream, *payload);
  }
}

class Http2Test : public TlsTest {
 protected:
  const SslContext context_ = ServerContext(own_, "h2");
};

TEST_F(Http2Test, RequestsShareOneConnection) {
  constexpr int kRequests = 20;
  // All are answered only when all have come in, last one first.
  const LoopbackServer server(
      [](Connection& connection, int /*number*/) {
        std::vector<uint32_t> streams;
        ServeHttp2(connection, [&](uint32_t stream) {
          streams.push_back(stream);
          if (streams.size() < kRequests) return;
          for (auto at = streams.rbegin(); at != streams.rend(); ++at) {
            connection.Send(Head(*at) + Data(*at, "answer") + End(*at));
          }
        });
      },
      context_.get());
  StartTo(To(server.port()));
  std::vector<std::shared_ptr<Answer>> answers;
  for (int i = 0; i < kRequests; ++i) answers.push_back(Get("/" + std::to_string(i)));
  for (const auto& answer : answers) {
    EXPECT_EQ(answer->AwaitDone(), absl::OkStatus());
    EXPECT_EQ(answer->AwaitHead().status, 200);
    EXPECT_EQ(answer->body(), "answer");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Http2Test, BodiesGoOut) {
  const LoopbackServer server(
      [](Connection& connection, int /*number*/) {
        std::map<uint32_t, std::string> bodies;
        ServeHttp2(
            connection, [](uint32_t /*stream*/) {},
            [&](uint32_t stream, const std::string& data) {
              std::string& body = bodies[stream];
              body += data;
              if (body.empty() || body.back() != '}') return;
              const std::string size = std::to_string(body.size());
              connection.Send(Head(stream) + Data(stream, size) + End(stream));
            });
      },
      context_.get());
  StartTo(To(server.port()));
  const auto first = Create("/a", R"({"a": 1})");
  const auto second = Create("/b", "{" + std::string(20'000, 'x') + "}");
  EXPECT_EQ(first->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(second->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(first->body(), "8");
  EXPECT_EQ(second->body(), "20002");
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Http2Test, ACancelledRequestLeavesTheOthersAlone) {
  std::promise<void> go_on;
  const LoopbackServer server(
      [&](Connection& connection, int /*number*/) {
        uint32_t watch = 0;
        ServeHttp2(connection, [&](uint32_t stream) {
          if (watch == 0) {
            watch = stream;
            connection.Send(Head(watch) + Data(watch, "one"));
          } else {
            connection.Send(Head(stream) + Data(stream, "x"));
            go_on.get_future().wait();
            connection.Send(Data(stream, std::string(10'000, 'x')) + Data(watch, "two"));
          }
        });
      },
      context_.get());
  StartTo(To(server.port()));
  const auto watch = Get("/watch");
  watch->AwaitBody(3);
  const auto cancelled = Get("/cancelled");
  cancelled->AwaitBody(1);
  OnLoop([this] { requests_.pop_back(); });
  go_on.set_value();
  EXPECT_EQ(watch->AwaitBody(6), "onetwo");
  EXPECT_FALSE(cancelled->done());
  EXPECT_EQ(server.connections(), 1);
}

// As behind a proxy that acknowledges everything and forwards nothing.
TEST_F(Http2Test, AConnectionThatLeadsNowhereIsNotUsedAgain) {
  std::promise<void> all_there;
  const LoopbackServer server(
      [&](Connection& connection, int number) {
        int requests = 0;
        ServeHttp2(connection, [&](uint32_t stream) {
          ++requests;
          const bool answers = number > 0 || requests == 1;
          if (answers) connection.Send(Head(stream) + End(stream));
          if (number == 0 && requests == 3) all_there.set_value();
        });
      },
      context_.get());
  StartTo(To(server.port()));
  EXPECT_EQ(Get("/answered")->AwaitDone(), absl::OkStatus());
  RequestOptions list;
  list.deadline = 60s;
  list.longest_silence = 30s;
  RequestOptions watch;
  watch.longest_silence = 100s;
  const auto silent = Get("/silent", list);
  const auto shares_it = Get("/watch", watch);
  all_there.get_future().wait();
  Advance(30s);
  EXPECT_EQ(silent->AwaitDone().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Get("/again")->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(server.connections(), 2);
  // It would look alive on the old connection for another 70 s.
  EXPECT_EQ(shares_it->AwaitDone().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Get("/again")->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(Http2Test, WhatSpeaksOnTheOldConnectionGoesOn) {
  std::promise<void> all_there;
  std::promise<void> speak;
  std::promise<void> go_on;
  const LoopbackServer server(
      [&](Connection& connection, int /*number*/) {
        uint32_t watch = 0;
        ServeHttp2(connection, [&](uint32_t stream) {
          if (watch == 0) {
            watch = stream;
            connection.Send(Head(watch));
            return;
          }
          all_there.set_value();
          speak.get_future().wait();
          connection.Send(Data(watch, "on"));
          go_on.get_future().wait();
          connection.Send(Data(watch, "e") + End(watch));
        });
      },
      context_.get());
  StartTo(To(server.port()));
  RequestOptions watching;
  watching.longest_silence = 100s;
  const auto watch = Get("/watch", watching);
  watch->AwaitHead();
  RequestOptions listing;
  listing.longest_silence = 30s;
  const auto silent = Get("/silent", listing);
  all_there.get_future().wait();
  Advance(1s);
  speak.set_value();
  watch->AwaitBody(2);
  Advance(29s);
  EXPECT_EQ(silent->AwaitDone().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(watch->done());
  go_on.set_value();
  EXPECT_EQ(watch->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(watch->body(), "one");
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Http2Test, StopsAndGoesWithStreamsOpen) {
  const LoopbackServer server(
      [](Connection& connection, int /*number*/) {
        ServeHttp2(connection, [&](uint32_t stream) { connection.Send(Head(stream)); });
      },
      context_.get());
  StartTo(To(server.port()));
  for (int i = 0; i < 5; ++i) Get("/watch")->AwaitHead();
  transport_->Stop();
  transport_.reset();
  requests_.clear();
}

}  // namespace
}  // namespace kgs::kube
