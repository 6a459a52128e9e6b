// SPDX-License-Identifier: Apache-2.0
//
// CurlFetcher with servers that misbehave: each failure has its kind, and words of ours alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>

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
using ::testing::StartsWith;

// A port on which nobody listens.
int ClosedPort() {
  return LoopbackServer([](Connection&, int) {}).port();
}

class FailuresTest : public CurlFetcherFixture {
 protected:
  /// Fetches from a server that gives \p answer.
  std::shared_ptr<Fetched> Answered(const std::string& answer) {
    const LoopbackServer server(Once(answer));
    const auto fetched = Fetch(RequestTo(At(server, "127.0.0.1", "/metrics?token=secret")));
    const FetchResult result = fetched->Await();
    EXPECT_FALSE(result.status.ok());
    EXPECT_THAT(fetched->Error(), AllOf(StartsWith(At(server) + ": "), Not(HasSubstr("secret"))));
    return fetched;
  }
  FetchFailure FailureOf(const std::string& answer) { return Answered(answer)->Failure(); }
};

TEST_F(FailuresTest, Refused) {
  const auto fetched =
      Fetch(RequestTo("http://gateway.llm:" + std::to_string(ClosedPort()) + "/metrics?secret"));
  EXPECT_EQ(fetched->Failure(), FetchFailure::kRefused);
  EXPECT_EQ(fetched->Await().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(fetched->Error(), AllOf(HasSubstr("/metrics at 127.0.0.1: Connection refused"),
                                      Not(HasSubstr("secret"))));
  EXPECT_EQ(fetched->Await().answered, std::nullopt);
}

TEST_F(FailuresTest, EveryStatusBut200) {
  for (const char* status :
       {"201 Created", "204 No Content", "206 Partial Content", "301 Moved", "401 Unauthorized",
        "403 Forbidden", "404 Not Found", "500 secret", "503 Service Unavailable"}) {
    const auto fetched =
        Answered("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 6\r\n\r\nsecret");
    EXPECT_EQ(fetched->Failure(), FetchFailure::kHttpStatus) << status;
    EXPECT_THAT(fetched->Error(), HasSubstr("answered HTTP " + std::string(status).substr(0, 3)));
    EXPECT_EQ(std::to_string(fetched->Await().http_status), std::string(status).substr(0, 3));
    EXPECT_EQ(fetched->head(), std::nullopt);
    EXPECT_EQ(fetched->page(), "");
  }
}

TEST_F(FailuresTest, RedirectsAreNotFollowed) {
  const LoopbackServer target(Once(Ok("a 1\n")));
  for (const char* status : {"301", "302", "303", "307", "308"}) {
    const auto fetched =
        Answered("HTTP/1.1 " + std::string(status) + " secret\r\nLocation: " + At(target) +
                 "?secret\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(fetched->Failure(), FetchFailure::kHttpStatus);
    EXPECT_THAT(fetched->Error(), HasSubstr("redirects are not followed"));
  }
  EXPECT_EQ(target.connections(), 0);
}

TEST_F(FailuresTest, BodiesThatStopBeforeTheirEnd) {
  const std::string packed = Gzip("secret 1\nsecret 2\n");
  const std::string gzip = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n";
  const std::string cut = packed.substr(0, packed.size() - 9);
  const std::string whole_but_cut =
      gzip + "Content-Length: " + std::to_string(cut.size()) + "\r\n\r\n" + cut;
  const std::string closed_and_cut = gzip + "\r\n" + cut;
  const std::string gzip_of_nothing = gzip + "Content-Length: 0\r\n\r\n";
  for (const std::string& answer :
       {std::string("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nsecret 1\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nsecret 1\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nsecret 1\n"),
        std::string(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nsecret 1\n\r\n0\r\n"),
        whole_but_cut, closed_and_cut, gzip_of_nothing, std::string("")}) {
    EXPECT_EQ(FailureOf(answer), FetchFailure::kTruncated) << answer;
  }
}

TEST_F(FailuresTest, AnswersThatAreNone) {
  for (const char* answer :
       {"SSH-2.0-secret\r\n", "secret 1\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nsecret",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nsecret",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 6\r\n\r\nsecret",
        "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nsecret",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\nsecret",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\nsecret",
        "HTTP/1.1 200 OK\r\nContent-Encoding: secret\r\n\r\nsecret",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\nsecret",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\nsecret"}) {
    EXPECT_EQ(FailureOf(answer), FetchFailure::kBadAnswer) << answer;
  }
}

TEST_F(FailuresTest, BodiesAtAndOverTheLimit) {
  const LoopbackServer server([](Connection& connection, int /*number*/) {
    while (connection.ReadHead()) connection.Send(Ok(std::string(1000, 'a')));
  });
  FetchRequest request = RequestTo(At(server));
  request.longest_body = 1000;
  EXPECT_EQ(Fetch(request)->Await().bytes, 1000U);
  request.longest_body = 999;
  const auto fetched = Fetch(request);
  EXPECT_EQ(fetched->Failure(), FetchFailure::kTooLarge);
  EXPECT_THAT(fetched->Error(), HasSubstr("the page is larger than 999 bytes"));
}

TEST_F(FailuresTest, ABodyWithoutEnd) {
  const LoopbackServer server([](Connection& connection, int /*number*/) {
    connection.ReadHead();
    connection.Send("HTTP/1.1 200 OK\r\n\r\n");
    const std::string line(4096, 'a');
    // More than the limit, and the client is gone long before.
    for (int i = 0; i < 16384; ++i) connection.Send(line);
  });
  const auto fetched = Fetch(server);
  EXPECT_EQ(fetched->Failure(), FetchFailure::kTooLarge);
  EXPECT_EQ(fetched->Await().status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_LE(fetched->Await().bytes, size_t{8} << 20);
  EXPECT_EQ(fetched->page().size(), fetched->Await().bytes);
}

TEST_F(FailuresTest, AGzipBomb) {
  const std::string bomb = Gzip(std::string(size_t{16} << 20, 'a'));
  ASSERT_LT(bomb.size(), 100'000U);
  const auto fetched = Answered("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                                std::to_string(bomb.size()) + "\r\n\r\n" + bomb);
  EXPECT_EQ(fetched->Failure(), FetchFailure::kTooLarge);
  EXPECT_LE(fetched->page().size(), size_t{8} << 20);
}

TEST_F(FailuresTest, AHeadWithoutEnd) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 2000; ++i) head += "X-Secret: " + std::string(50, 'a') + "\r\n";
  EXPECT_EQ(FailureOf(head), FetchFailure::kTooLarge);
  std::string heads;
  for (int i = 0; i < 4000; ++i) heads += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(FailureOf(heads + Ok("secret")), FetchFailure::kTooLarge);
}

TEST_F(FailuresTest, AServerThatNeverAnswers) {
  std::promise<void> asked;
  const LoopbackServer server([&](Connection& connection, int /*number*/) {
    connection.ReadHead();
    asked.set_value();
    connection.AwaitClosed();
  });
  const auto fetched = Fetch(server);
  asked.get_future().wait();
  Advance(1999ms);
  EXPECT_FALSE(fetched->done());
  Advance(1ms);
  EXPECT_EQ(fetched->Failure(), FetchFailure::kTimeout);
  EXPECT_EQ(fetched->Await().status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(fetched->Error(), HasSubstr("no answer within 2s"));
}

TEST_F(FailuresTest, AServerThatDripsForEver) {
  base::Mutex mutex;
  base::CondVar changed;
  int wanted = 0;
  const LoopbackServer server([&](Connection& connection, int /*number*/) {
    connection.ReadHead();
    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    for (int sent = 0; sent < 4; ++sent) {
      {
        base::MutexLock lock(mutex);
        while (wanted <= sent) changed.Wait(mutex);
      }
      connection.Send("a");
    }
    connection.AwaitClosed();
  });
  const auto fetched = Fetch(server);
  for (int i = 1; i <= 4; ++i) {
    {
      base::MutexLock lock(mutex);
      wanted = i;
      changed.NotifyAll();
    }
    EXPECT_EQ(fetched->AwaitPage(i).size(), static_cast<size_t>(i));
    EXPECT_FALSE(fetched->done());
    Advance(500ms);
  }
  EXPECT_EQ(fetched->Failure(), FetchFailure::kTimeout);
  EXPECT_THAT(fetched->Error(), HasSubstr("no whole answer within 2s"));
}

TEST_F(FailuresTest, AConsumerThatWantsNoMore) {
  const LoopbackServer server(Once(Ok("a 1\n")));
  const auto at_head = Fetch(RequestTo(At(server)), absl::InvalidArgumentError("not this type"));
  EXPECT_EQ(at_head->Failure(), FetchFailure::kConsumer);
  EXPECT_EQ(at_head->Await().status, absl::InvalidArgumentError(At(server) + ": not this type"));
  EXPECT_EQ(at_head->page(), "");
  const auto at_data =
      Fetch(RequestTo(At(server)), absl::OkStatus(), absl::InvalidArgumentError("no page"));
  EXPECT_EQ(at_data->Failure(), FetchFailure::kConsumer);
  EXPECT_EQ(at_data->Await().status, absl::InvalidArgumentError(At(server) + ": no page"));
  EXPECT_EQ(at_data->page(), "a 1\n");
}

TEST_F(FailuresTest, AConsumerThatWantsNoMoreOfGzip) {
  const std::string packed = Gzip("a 1\n");
  const LoopbackServer server(Once("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + packed));
  const auto fetched =
      Fetch(RequestTo(At(server)), absl::OkStatus(), absl::InvalidArgumentError("no page"));
  EXPECT_EQ(fetched->Failure(), FetchFailure::kConsumer);
}

TEST_F(FailuresTest, HeadersThatCannotBeSent) {
  const LoopbackServer server(Once(Ok("a 1\n")));
  for (const FetchHeader& header :
       {FetchHeader{"Authorization", "secret\r\nX: y"}, FetchHeader{"Authorization", "secret\n"},
        FetchHeader{"Authorization", " "}, FetchHeader{"X: y\r\nZ", "secret"},
        FetchHeader{"", "secret"}, FetchHeader{"X-Key", "secr\xc3\xa9t"}}) {
    FetchRequest request = RequestTo(At(server));
    request.headers = {header};
    const auto fetched = Fetch(request);
    EXPECT_EQ(fetched->Failure(), FetchFailure::kBadRequest);
    EXPECT_THAT(fetched->Error(), Not(HasSubstr("secr")));
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(FailuresTest, ARequestWithoutAddress) {
  const LoopbackServer server(Once(Ok("a 1\n")));
  FetchRequest request;
  request.url = ParseUrl(At(server)).value();
  EXPECT_EQ(Fetch(request)->Failure(), FetchFailure::kBadRequest);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(FailuresTest, MoreFetchesThanTheLimit) {
  const LoopbackServer server([](Connection& connection, int /*number*/) {
    connection.ReadHead();
    connection.AwaitClosed();
  });
  const auto small = CurlFetcher::Make("small", clock_, {2, 1}).value();
  small->Start();
  Fetched first;
  Fetched second;
  Fetched third;
  for (Fetched* fetched : {&first, &second, &third}) {
    small->Fetch(RequestTo(At(server)), fetched->Handlers());
  }
  EXPECT_EQ(third.Failure(), FetchFailure::kBusy);
  EXPECT_EQ(third.Await().status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(first.done());
  clock_.Advance(2s);
  small->Wake();
  EXPECT_EQ(first.Failure(), FetchFailure::kTimeout);
  EXPECT_EQ(second.Failure(), FetchFailure::kTimeout);
  Fetched fourth;
  small->Fetch(RequestTo(At(server)), fourth.Handlers());
  clock_.Advance(2s);
  small->Wake();
  EXPECT_EQ(fourth.Failure(), FetchFailure::kTimeout);
  small->Stop();
}

}  // namespace
}  // namespace kgs::endpoint
