// SPDX-License-Identifier: Apache-2.0
//
// CurlFetcher over TLS: always verified.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "endpoint/curl_fetcher_fixture.h"
#include "tests/support/test_certificates.h"

namespace kgs::endpoint {
namespace {

using testing::Connection;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using ::testing::Not;
using testing::ServerContext;
using testing::SslContext;
using testing::TestAuthority;

void Serve(Connection& connection, int /*number*/) {
  while (connection.ReadHead()) connection.Send(Ok("a 1\n"));
}

class FetcherTlsTest : public CurlFetcherFixture {
 protected:
  static FetchRequest To(const LoopbackServer& server, const std::string& host,
                         const std::string& ca_pem) {
    FetchRequest request =
        RequestTo("https://" + host + ":" + std::to_string(server.port()) + "/metrics");
    request.ca_pem = ca_pem;
    return request;
  }
  void ExpectTlsFailure(const FetchRequest& request, const std::string& words) {
    const auto fetched = Fetch(request);
    EXPECT_EQ(fetched->Failure(), FetchFailure::kTls);
    EXPECT_EQ(fetched->Await().status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(fetched->Error(), HasSubstr(words));
    EXPECT_THAT(fetched->Error(), Not(HasSubstr("secret")));
  }

  const TestAuthority authority_;
  const SslContext context_ =
      ServerContext(authority_.Issue("secret", "IP:127.0.0.1,DNS:gateway.test"), "http/1.1");
  const LoopbackServer server_{Serve, context_.get()};
};

TEST_F(FetcherTlsTest, TrustsTheAuthorityItIsGiven) {
  for (const char* host : {"gateway.test", "gateway.test", "127.0.0.1"}) {
    const auto fetched = Fetch(To(server_, host, authority_.pem()));
    EXPECT_EQ(fetched->Await().status, absl::OkStatus());
    EXPECT_EQ(fetched->page(), "a 1\n");
  }
  EXPECT_EQ(server_.connections(), 2);
}

TEST_F(FetcherTlsTest, TrustsNoOther) {
  // The connection of one that trusts it is not used for one that does not.
  EXPECT_EQ(Fetch(To(server_, "gateway.test", authority_.pem()))->Await().status, absl::OkStatus());
  ExpectTlsFailure(To(server_, "gateway.test", ""), "SSL certificate problem");
  const TestAuthority other("another authority");
  ExpectTlsFailure(To(server_, "gateway.test", other.pem()), "SSL certificate problem");
}

TEST_F(FetcherTlsTest, TrustsNoOtherName) {
  ExpectTlsFailure(To(server_, "other.test", authority_.pem()),
                   "no alternative certificate subject name matches target host name 'other.test'");
  const SslContext unnamed = ServerContext(authority_.Issue("secret", ""), "http/1.1");
  const LoopbackServer server(Serve, unnamed.get());
  ExpectTlsFailure(To(server, "other.test", authority_.pem()), "TLS: ");
}

TEST_F(FetcherTlsTest, TellsAServerWithoutTls) {
  const LoopbackServer answers([](Connection& connection, int /*number*/) {
    connection.Send("HTTP/1.1 400 secret\r\n\r\n");
    connection.AwaitClosed();
  });
  ExpectTlsFailure(To(answers, "gateway.test", authority_.pem()), "TLS: ");
}

TEST_F(FetcherTlsTest, RefusesAnAuthorityThatIsNone) {
  ExpectTlsFailure(To(server_, "gateway.test", "secret"), "TLS: ");
}

}  // namespace
}  // namespace kgs::endpoint
