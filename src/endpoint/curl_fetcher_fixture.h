// SPDX-License-Identifier: Apache-2.0
//
// What the tests of CurlFetcher share.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "endpoint/curl_fetcher.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loopback_server.h"

namespace kgs::endpoint {

/// What came of one fetch. Filled on the fetcher's thread, awaited by the test.
class Fetched {
 public:
  FetchHandlers Handlers() {
    return {[this](std::string_view content_type) {
              base::MutexLock lock(mutex_);
              head_ = content_type;
              return on_head;
            },
            [this](std::string_view data) {
              base::MutexLock lock(mutex_);
              page_ += data;
              changed_.NotifyAll();
              return on_data;
            },
            [this](const FetchResult& result) {
              base::MutexLock lock(mutex_);
              EXPECT_FALSE(result_.has_value());
              result_ = result;
              changed_.NotifyAll();
            }};
  }
  FetchResult Await() {
    base::MutexLock lock(mutex_);
    while (!result_) changed_.Wait(mutex_);
    return *result_;
  }
  /// Until so much of the page is there.
  std::string AwaitPage(size_t bytes) {
    base::MutexLock lock(mutex_);
    while (page_.size() < bytes && !result_) changed_.Wait(mutex_);
    return page_;
  }
  std::string Error() { return std::string(Await().status.message()); }
  FetchFailure Failure() { return Await().failure; }
  bool done() {
    base::MutexLock lock(mutex_);
    return result_.has_value();
  }
  std::string page() {
    base::MutexLock lock(mutex_);
    return page_;
  }
  std::optional<std::string> head() {
    base::MutexLock lock(mutex_);
    return head_;
  }

  /// What the handlers return. Before the fetch.
  absl::Status on_head;
  absl::Status on_data;

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  std::optional<std::string> head_ KGS_GUARDED_BY(mutex_);
  std::string page_ KGS_GUARDED_BY(mutex_);
  std::optional<FetchResult> result_ KGS_GUARDED_BY(mutex_);
};

inline FetchRequest RequestTo(const std::string& url, const std::string& address = "127.0.0.1") {
  FetchRequest request;
  request.url = ParseUrl(url).value();
  request.address = IpAddress::Parse(address).value();
  return request;
}

inline std::string Ok(const std::string& page) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
         std::to_string(page.size()) + "\r\n\r\n" + page;
}

/// Answers each connection's first request with \p answer, and ends the connection.
inline testing::LoopbackServer::Serve Once(std::string answer) {
  return [answer = std::move(answer)](testing::Connection& connection, int /*number*/) {
    if (connection.ReadHead()) connection.Send(answer);
  };
}

/// A fetcher on a clock that stands still, so that nothing is overdue unless a test says so.
class CurlFetcherFixture : public ::testing::Test {
 protected:
  CurlFetcherFixture() { fetcher_->Start(); }
  ~CurlFetcherFixture() override { fetcher_->Stop(); }

  std::shared_ptr<Fetched> Fetch(FetchRequest request, absl::Status on_head = absl::OkStatus(),
                                 absl::Status on_data = absl::OkStatus()) {
    auto fetched = std::make_shared<Fetched>();
    fetched->on_head = std::move(on_head);
    fetched->on_data = std::move(on_data);
    fetcher_->Fetch(std::move(request), fetched->Handlers());
    kept_.push_back(fetched);
    return fetched;
  }
  /// Of path /metrics, by its address.
  std::shared_ptr<Fetched> Fetch(const testing::LoopbackServer& server) {
    return Fetch(RequestTo(At(server)));
  }
  static std::string At(const testing::LoopbackServer& server,
                        const std::string& host = "127.0.0.1",
                        const std::string& path = "/metrics") {
    return "http://" + host + ":" + std::to_string(server.port()) + path;
  }
  /// Lets time pass for the fetcher.
  void Advance(base::Duration by) {
    clock_.Advance(by);
    fetcher_->Wake();
  }

  testing::FakeClock clock_;
  /// Kept until the fetcher has stopped.
  std::vector<std::shared_ptr<Fetched>> kept_;
  std::unique_ptr<CurlFetcher> fetcher_ = CurlFetcher::Make("fetcher", clock_).value();
};

}  // namespace kgs::endpoint
