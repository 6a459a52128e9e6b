// SPDX-License-Identifier: Apache-2.0
//
// A kube::Transport in the test's hands: requests are recorded, the test says what comes back and
// when time passes. All on the test's thread, except Post.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "kube/client/transport.h"
#include "tests/support/fake_clock.h"

namespace kgs::testing {

class FakeTransport final : public kube::Transport {
 public:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  explicit FakeTransport(FakeClock& clock) : clock_(clock) {}

  // The transport's side.

  std::unique_ptr<kube::Request> Get(const std::string& path, const kube::RequestOptions& options,
                                     kube::RequestHandlers handlers) override {
    return Ask(path, std::nullopt, options, std::move(handlers));
  }

  std::unique_ptr<kube::Request> Create(const std::string& path, std::string body,
                                        const kube::RequestOptions& options,
                                        kube::RequestHandlers handlers) override {
    return Ask(path, std::move(body), options, std::move(handlers));
  }

  std::unique_ptr<kube::Request> After(base::Duration wait, std::function<void()> due) override {
    const Key key{clock_.Now() + wait, next_timer_++};
    timers_->emplace(key, std::move(due));
    return std::make_unique<Handle>([timers = timers_, key] { timers->erase(key); });
  }

  void Post(std::function<void()> function) override {
    base::MutexLock lock(mutex_);
    posted_.push_back(std::move(function));
  }

  base::SteadyTime Now() const override { return clock_.Now(); }

  // The test's side. A request is named by its place among all requests ever made: 0, 1, ...

  size_t requests() const { return asked_.size(); }
  /// With its query.
  const std::string& path(size_t request) const { return asked_.at(request)->path; }
  /// What is created; nothing for a get.
  const std::optional<std::string>& body(size_t request) const { return asked_.at(request)->body; }
  const kube::RequestOptions& options(size_t request) const { return asked_.at(request)->options; }
  /// Neither done nor cancelled.
  bool open(size_t request) const { return asked_.at(request)->open; }
  /// The latest open request whose path begins so and contains \p part; kNone where there is none.
  size_t Find(std::string_view beginning, std::string_view part = "") const {
    for (size_t i = asked_.size(); i > 0; --i) {
      const Exchange& exchange = *asked_[i - 1];
      const bool fits =
          exchange.path.rfind(beginning, 0) == 0 && exchange.path.find(part) != std::string::npos;
      if (exchange.open && fits) return i - 1;
    }
    return kNone;
  }
  /// The paths of all open requests, oldest first.
  std::vector<std::string> OpenPaths() const {
    std::vector<std::string> paths;
    for (const auto& exchange : asked_) {
      if (exchange->open) paths.push_back(exchange->path);
    }
    return paths;
  }

  /// What comes back of an open request; nothing happens where it is no longer open.
  void Head(size_t request, int status, std::optional<base::Duration> retry_after = std::nullopt) {
    const auto exchange = asked_.at(request);
    if (exchange->open) exchange->handlers.on_head(kube::ResponseHead{status, retry_after});
  }
  void Data(size_t request, std::string_view data) {
    const auto exchange = asked_.at(request);
    if (exchange->open) exchange->handlers.on_data(data);
  }
  void Done(size_t request, const absl::Status& status = absl::OkStatus()) {
    const auto exchange = asked_.at(request);
    if (!std::exchange(exchange->open, false)) return;
    exchange->handlers.on_done(status);
  }
  /// Head, body and end.
  void Answer(size_t request, int status, std::string_view body,
              std::optional<base::Duration> retry_after = std::nullopt) {
    Head(request, status, retry_after);
    Data(request, body);
    Done(request);
  }

  /// Lets time pass, and calls what falls due on the way at its time.
  void Advance(base::Duration by) {
    const base::SteadyTime until = clock_.Now() + by;
    while (!timers_->empty() && timers_->begin()->first.first <= until) {
      const base::SteadyTime due = timers_->begin()->first.first;
      if (due > clock_.Now()) clock_.Advance(due - clock_.Now());
      const std::function<void()> call = std::move(timers_->begin()->second);
      timers_->erase(timers_->begin());
      call();
    }
    clock_.Advance(until - clock_.Now());
  }
  size_t timers() const { return timers_->size(); }
  /// Until the next timer; nothing where there is none.
  std::optional<base::Duration> NextTimer() const {
    if (timers_->empty()) return std::nullopt;
    return timers_->begin()->first.first - clock_.Now();
  }

  /// Calls what was posted, and what that posts.
  void RunPosted() {
    while (true) {
      std::vector<std::function<void()>> functions;
      {
        base::MutexLock lock(mutex_);
        functions.swap(posted_);
      }
      if (functions.empty()) return;
      for (const auto& function : functions) function();
    }
  }

 private:
  using Key = std::pair<base::SteadyTime, uint64_t>;
  using Timers = std::map<Key, std::function<void()>>;

  struct Exchange {
    Exchange(std::string p, std::optional<std::string> b, kube::RequestOptions o,
             kube::RequestHandlers h)
        : path(std::move(p)), body(std::move(b)), options(o), handlers(std::move(h)) {}
    const std::string path;
    const std::optional<std::string> body;
    const kube::RequestOptions options;
    const kube::RequestHandlers handlers;
    bool open = true;
  };

  class Handle final : public kube::Request {
   public:
    explicit Handle(std::function<void()> cancel) : cancel_(std::move(cancel)) {}
    ~Handle() override { cancel_(); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

   private:
    const std::function<void()> cancel_;
  };

  std::unique_ptr<kube::Request> Ask(const std::string& path, std::optional<std::string> body,
                                     const kube::RequestOptions& options,
                                     kube::RequestHandlers handlers) {
    asked_.push_back(
        std::make_shared<Exchange>(path, std::move(body), options, std::move(handlers)));
    return std::make_unique<Handle>([exchange = asked_.back()] { exchange->open = false; });
  }

  FakeClock& clock_;
  std::vector<std::shared_ptr<Exchange>> asked_;
  const std::shared_ptr<Timers> timers_ = std::make_shared<Timers>();
  uint64_t next_timer_ = 0;
  base::Mutex mutex_;
  std::vector<std::function<void()>> posted_ KGS_GUARDED_BY(mutex_);
};

}  // namespace kgs::testing
