// SPDX-License-Identifier: Apache-2.0
//
// The bearer token of CurlTransport.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "kube/client/curl_transport.h"
#include "kube/client/curl_transport_fixture.h"
#include "tests/support/loopback_server.h"
#include "tests/support/temp_folder.h"

namespace kgs::kube {
namespace {

using namespace std::chrono_literals;
using testing::Connection;
using ::testing::HasSubstr;
using testing::LoopbackServer;

std::string Ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Answers each request of each connection with its own head, as text.
void Echo(Connection& connection, int /*number*/) {
  while (const auto head = connection.ReadHead()) connection.Send(Ok(*head));
}
class BearerTokenTest : public CurlTransportFixture {
 protected:
  void Write(const std::string& token) const { std::ofstream(file_) << token; }
  void StartWithFile(int port) {
    Credentials credentials;
    credentials.server = "http://127.0.0.1:" + std::to_string(port);
    credentials.token_file = file_;
    StartTo(std::move(credentials));
  }
  const testing::TempFolder folder_;
  const std::string file_ = (folder_.path() / "token").string();
};

TEST_F(BearerTokenTest, IsReadAgainAfterHalfAMinute) {
  Write("first\n");
  const LoopbackServer server(Echo);
  StartWithFile(server.port());
  const auto ask = [this] {
    const auto answer = Get("/");
    EXPECT_EQ(answer->AwaitDone(), absl::OkStatus());
    return answer->body();
  };
  EXPECT_THAT(ask(), HasSubstr("\r\nAuthorization: Bearer first\r\n"));
  Write("second\n");
  Advance(29s);
  EXPECT_THAT(ask(), HasSubstr("Bearer first\r\n"));
  Advance(1s);
  EXPECT_THAT(ask(), HasSubstr("Bearer second\r\n"));
}

TEST_F(BearerTokenTest, IsReadAgainAtOnceWhenItIsRefused) {
  Write("old");
  const LoopbackServer server([](Connection& connection, int /*number*/) {
    while (const auto head = connection.ReadHead()) {
      const bool good = head->find("Bearer new\r\n") != std::string::npos;
      connection.Send(good ? Ok("welcome") : "HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n");
    }
  });
  StartWithFile(server.port());
  const auto refused = Get("/");
  EXPECT_EQ(refused->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(refused->AwaitHead().status, 401);
  Write("new");
  const auto accepted = Get("/");
  EXPECT_EQ(accepted->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(accepted->AwaitHead().status, 200);
}

TEST_F(BearerTokenTest, AFileWithoutTokenIsToldWithoutASecret) {
  const LoopbackServer server(Echo);
  StartWithFile(server.port());
  EXPECT_EQ(Get("/")->AwaitDone(),
            absl::FailedPreconditionError("no bearer token: cannot read " + file_ +
                                          ": No such file or directory"));
  Write(" \n");
  EXPECT_EQ(Get("/")->AwaitDone(),
            absl::FailedPreconditionError("no bearer token: " + file_ + " holds no token"));
  Write("secret\r\nX-Injected: yes");
  EXPECT_EQ(Get("/")->AwaitDone(),
            absl::FailedPreconditionError("no bearer token: " + file_ +
                                          " holds something that is no token"));
  Write("good");
  EXPECT_EQ(Get("/")->AwaitDone(), absl::OkStatus());
  EXPECT_EQ(server.connections(), 1);
  // One that was good is kept while the file cannot be read.
  std::filesystem::remove(file_);
  Advance(31s);
  EXPECT_EQ(Get("/")->AwaitDone(), absl::OkStatus());
}

}  // namespace
}  // namespace kgs::kube
