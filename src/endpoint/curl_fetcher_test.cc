// SPDX-License-Identifier: Apache-2.0
#include "endpoint/curl_fetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/build_info.h"
#include "endpoint/curl_fetcher_fixture.h"
#include "endpoint/test_gzip.h"

namespace kgs::endpoint {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::Connection;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using ::testing::Not;

// Answers each request of each connection with its own head, as the page.
void Echo(Connection& connection, int /*number*/) {
  while (const auto head = connection.ReadHead()) connection.Send(Ok(*head));
}

using CurlFetcherTest = CurlFetcherFixture;

TEST_F(CurlFetcherTest, GetsAPage) {
  const LoopbackServer server(Echo);
  FetchRequest request = RequestTo(At(server, "127.0.0.1", "/a/../m%20?x=1&y"));
  request.headers = {{"Accept", "text/plain"}, {"Authorization", "Bearer secret"}};
  clock_.Advance(1s);
  const auto fetched = Fetch(request);
  const FetchResult result = fetched->Await();
  EXPECT_EQ(result.status, absl::OkStatus());
  EXPECT_EQ(result.failure, FetchFailure::kNone);
  EXPECT_EQ(result.http_status, 200);
  EXPECT_EQ(result.content_type, "text/plain");
  EXPECT_EQ(fetched->head(), "text/plain");
  EXPECT_TRUE(result.end_known);
  EXPECT_EQ(result.bytes, fetched->page().size());
  EXPECT_EQ(result.answered, clock_.Now());
  EXPECT_EQ(fetched->page(),
            "GET /a/../m%20?x=1&y HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                "\r\nUser-Agent: keda-gpu-scaler/" + std::string(base::Version()) +
                "\r\nAccept: text/plain\r\nAuthorization: Bearer secret\r\n"
                "Accept-Encoding: identity\r\n\r\n");
}

TEST_F(CurlFetcherTest, SendsTheEncodingOfItsCallerOnce) {
  const LoopbackServer server(Echo);
  FetchRequest request = RequestTo(At(server));
  request.headers = {{"accept-encoding", "identity"}};
  const auto fetched = Fetch(request);
  EXPECT_EQ(fetched->Await().status, absl::OkStatus());
  EXPECT_THAT(fetched->page(),
              AllOf(HasSubstr("accept-encoding: identity\r\n"), Not(HasSubstr("Accept-Encoding"))));
}

TEST_F(CurlFetcherTest, ConnectsToTheAddressWhateverTheName) {
  const LoopbackServer server(Echo);
  const auto fetched = Fetch(RequestTo(At(server, "no-such-name.invalid")));
  EXPECT_EQ(fetched->Await().status, absl::OkStatus());
  EXPECT_THAT(fetched->page(),
              HasSubstr("Host: no-such-name.invalid:" + std::to_string(server.port())));
  const auto elsewhere = Fetch(RequestTo(At(server, "127.0.0.1"), "127.0.0.2"));
  EXPECT_EQ(elsewhere->Failure(), FetchFailure::kRefused);
}

TEST_F(CurlFetcherTest, ConnectsToIpv6) {
  // Nobody listens there, and where the machine has no IPv6 there is no way to it.
  const auto fetched = Fetch(RequestTo("http://[::1]:1/metrics", "::1"));
  EXPECT_THAT(fetched->Failure(),
              ::testing::AnyOf(FetchFailure::kRefused, FetchFailure::kUnreachable));
}

TEST_F(CurlFetcherTest, UsesAConnectionAgainForItsAddressAlone) {
  const LoopbackServer server(Echo);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Fetch(RequestTo(At(server, "a.invalid")))->Await().status, absl::OkStatus());
  }
  EXPECT_EQ(server.connections(), 1);
  // Refused, since nobody listens on this one: the connection to the other is not used.
  EXPECT_EQ(Fetch(RequestTo(At(server, "a.invalid"), "127.0.0.2"))->Failure(),
            FetchFailure::kRefused);
  EXPECT_EQ(Fetch(RequestTo(At(server, "b.invalid")))->Await().status, absl::OkStatus());
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(CurlFetcherTest, ConnectsAnewWhereAKeptConnectionIsGone) {
  const LoopbackServer server(Once(Ok("a 1\n")));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Fetch(server)->Await().status, absl::OkStatus());
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(CurlFetcherTest, GivesThePageAsItArrives) {
  std::promise<void> more;
  const LoopbackServer server([&](Connection& connection, int /*number*/) {
    connection.ReadHead();
    connection.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n");
    more.get_future().wait();
    connection.Send("4\r\nb 2\n\r\n0\r\nTrailer: x\r\n\r\n");
  });
  const auto fetched = Fetch(server);
  EXPECT_EQ(fetched->AwaitPage(4), "a 1\n");
  EXPECT_FALSE(fetched->done());
  more.set_value();
  const FetchResult result = fetched->Await();
  EXPECT_EQ(result.status, absl::OkStatus());
  EXPECT_TRUE(result.end_known);
  EXPECT_EQ(result.content_type, "");
  EXPECT_EQ(fetched->page(), "a 1\nb 2\n");
}

TEST_F(CurlFetcherTest, TellsWhereTheEndIsNotKnown) {
  const LoopbackServer server(Once("HTTP/1.0 200 OK\r\n\r\na 1\n"));
  const auto fetched = Fetch(server);
  EXPECT_EQ(fetched->Await().status, absl::OkStatus());
  EXPECT_FALSE(fetched->Await().end_known);
  EXPECT_EQ(fetched->page(), "a 1\n");
}

TEST_F(CurlFetcherTest, SkipsHeadsBeforeTheAnswer) {
  const LoopbackServer server(
      Once("HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\n"
           "HTTP/1.1 103 Early Hints\r\nContent-Type: a\r\n\r\n" +
           Ok("a 1\n")));
  const auto fetched = Fetch(server);
  EXPECT_EQ(fetched->Await().status, absl::OkStatus());
  EXPECT_EQ(fetched->page(), "a 1\n");
  EXPECT_EQ(fetched->head(), "text/plain");
}

TEST_F(CurlFetcherTest, UnpacksGzipThatNobodyAskedFor) {
  const std::string packed = Gzip("a 1\n");
  const LoopbackServer with_length(
      Once("HTTP/1.1 200 OK\r\nContent-Encoding: GZip\r\nContent-Length: " +
           std::to_string(packed.size()) + "\r\n\r\n" + packed));
  const LoopbackServer without(
      Once("HTTP/1.0 200 OK\r\nContent-Encoding: x-gzip\r\n\r\n" + packed));
  for (const LoopbackServer* server : {&with_length, &without}) {
    const auto fetched = Fetch(*server);
    EXPECT_EQ(fetched->Await().status, absl::OkStatus());
    EXPECT_EQ(fetched->page(), "a 1\n");
    EXPECT_EQ(fetched->Await().bytes, 4U);
    // The checksum ends it.
    EXPECT_TRUE(fetched->Await().end_known);
  }
}

TEST_F(CurlFetcherTest, IgnoresAmbientProxies) {
  const LoopbackServer proxy(Echo);
  const LoopbackServer server(Once(Ok("a 1\n")));
  const std::string at = "http://127.0.0.1:" + std::to_string(proxy.port());
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) setenv(name, at.c_str(), 1);
  const char* before = getenv("no_proxy");
  const std::string no_proxy = before != nullptr ? before : "";
  unsetenv("no_proxy");
  const auto fetched = Fetch(server);
  EXPECT_EQ(fetched->Await().status, absl::OkStatus());
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) unsetenv(name);
  if (before != nullptr) setenv("no_proxy", no_proxy.c_str(), 1);
  EXPECT_EQ(fetched->page(), "a 1\n");
  EXPECT_EQ(proxy.connections(), 0);
}

TEST_F(CurlFetcherTest, OneServerThatHangsDelaysNoOther) {
  constexpr int kServers = 50;
  constexpr int kHangs = 17;
  std::vector<std::unique_ptr<LoopbackServer>> servers;
  for (int i = 0; i < kServers; ++i) {
    servers.push_back(std::make_unique<LoopbackServer>([i](Connection& connection, int /*n*/) {
      while (connection.ReadHead()) {
        if (i == kHangs) {
          connection.AwaitClosed();
        } else {
          connection.Send(Ok("a " + std::to_string(i) + "\n"));
        }
      }
    }));
  }
  for (int round = 0; round < 3; ++round) {
    std::vector<std::shared_ptr<Fetched>> fetched;
    for (const auto& server : servers) fetched.push_back(Fetch(*server));
    for (int i = 0; i < kServers; ++i) {
      if (i == kHangs) continue;
      EXPECT_EQ(fetched[i]->Await().status, absl::OkStatus());
      EXPECT_EQ(fetched[i]->page(), "a " + std::to_string(i) + "\n");
    }
    EXPECT_FALSE(fetched[kHangs]->done());
    Advance(2s);
    EXPECT_EQ(fetched[kHangs]->Failure(), FetchFailure::kTimeout);
  }
  for (int i = 0; i < kServers; ++i) EXPECT_EQ(servers[i]->connections(), i == kHangs ? 3 : 1);
}

TEST_F(CurlFetcherTest, FetchesFromWithinAHandler) {
  const LoopbackServer server(Echo);
  Fetched second;
  FetchHandlers handlers;
  handlers.on_data = [](std::string_view) { return absl::OkStatus(); };
  handlers.on_done = [&](const FetchResult&) {
    fetcher_->Fetch(RequestTo(At(server)), second.Handlers());
  };
  fetcher_->Fetch(RequestTo(At(server)), handlers);
  EXPECT_EQ(second.Await().status, absl::OkStatus());
}

TEST_F(CurlFetcherTest, StopsWhileFetchesAreUnderWay) {
  std::promise<void> asked;
  const LoopbackServer server([&](Connection& connection, int /*number*/) {
    connection.ReadHead();
    asked.set_value();
    connection.AwaitClosed();
  });
  const auto fetched = Fetch(server);
  asked.get_future().wait();
  fetcher_->Stop();
  EXPECT_FALSE(fetched->done());
  EXPECT_FALSE(Fetch(server)->done());
  EXPECT_EQ(fetcher_->Health().age, base::Duration::zero());
}

}  // namespace
}  // namespace kgs::endpoint
