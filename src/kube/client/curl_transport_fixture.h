// SPDX-License-Identifier: Apache-2.0
//
// What the tests of CurlTransport share.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "kube/client/curl_transport.h"
#include "tests/support/fake_clock.h"

namespace kgs::kube {

/// What came of one request. Filled on the loop's thread, awaited by the test.
class Answer {
 public:
  RequestHandlers Handlers() {
    return {[this](const ResponseHead& head) {
              base::MutexLock lock(mutex_);
              heads_.push_back(head);
              changed_.NotifyAll();
            },
            [this](std::string_view data) {
              base::MutexLock lock(mutex_);
              body_ += data;
              changed_.NotifyAll();
            },
            [this](const absl::Status& status) {
              base::MutexLock lock(mutex_);
              done_ = status;
              changed_.NotifyAll();
            }};
  }
  absl::Status AwaitDone() {
    base::MutexLock lock(mutex_);
    while (!done_) changed_.Wait(mutex_);
    return *done_;
  }
  /// Until so much of the body is there.
  std::string AwaitBody(size_t bytes) {
    base::MutexLock lock(mutex_);
    while (body_.size() < bytes) changed_.Wait(mutex_);
    return body_;
  }
  ResponseHead AwaitHead() {
    base::MutexLock lock(mutex_);
    while (heads_.empty()) changed_.Wait(mutex_);
    return heads_.front();
  }
  bool done() {
    base::MutexLock lock(mutex_);
    return done_.has_value();
  }
  size_t heads() {
    base::MutexLock lock(mutex_);
    return heads_.size();
  }
  std::string body() {
    base::MutexLock lock(mutex_);
    return body_;
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<ResponseHead> heads_ KGS_GUARDED_BY(mutex_);
  std::string body_ KGS_GUARDED_BY(mutex_);
  std::optional<absl::Status> done_ KGS_GUARDED_BY(mutex_);
};

/// A transport on a clock that stands still, so that nothing is overdue unless a test says so.
class CurlTransportFixture : public ::testing::Test {
 protected:
  ~CurlTransportFixture() override { Stop(); }

  void StartTo(Credentials credentials) {
    auto made = CurlTransport::Make(std::move(credentials), "kube", clock_);
    ASSERT_TRUE(made.ok()) << made.status();
    transport_ = *std::move(made);
    transport_->Start();
  }
  void StartTo(int port) {
    Credentials credentials;
    credentials.server = "http://127.0.0.1:" + std::to_string(port);
    StartTo(std::move(credentials));
  }
  void Stop() {
    if (transport_ != nullptr) transport_->Stop();
    requests_.clear();
  }

  /// Runs \p function on the loop, and waits for it.
  void OnLoop(const std::function<void()>& function) {
    std::promise<void> done;
    transport_->Post([&] {
      function();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::shared_ptr<Answer> Get(const std::string& path, const RequestOptions& options = {}) {
    auto answer = std::make_shared<Answer>();
    OnLoop([&] { requests_.push_back(transport_->Get(path, options, answer->Handlers())); });
    answers_.push_back(answer);
    return answer;
  }
  std::shared_ptr<Answer> Create(const std::string& path, const std::string& body,
                                 const RequestOptions& options = {}) {
    auto answer = std::make_shared<Answer>();
    OnLoop(
        [&] { requests_.push_back(transport_->Create(path, body, options, answer->Handlers())); });
    answers_.push_back(answer);
    return answer;
  }
  /// Lets time pass for the loop.
  void Advance(base::Duration by) {
    clock_.Advance(by);
    OnLoop([] {});
    // Timers run after what is posted: once more, and they have.
    OnLoop([] {});
  }

  testing::FakeClock clock_;
  std::unique_ptr<CurlTransport> transport_;
  std::vector<std::unique_ptr<Request>> requests_;
  /// Kept until the loop has stopped.
  std::vector<std::shared_ptr<Answer>> answers_;
};

}  // namespace kgs::kube
