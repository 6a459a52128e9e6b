// SPDX-License-Identifier: Apache-2.0
#include "kube/client/curl_transport.h"

#include <absl/status/status.h>
#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/pem.h"
#include "kube/client/curl_exchange.h"
#include "kube/client/timer_queue.h"
#include "kube/client/token_source.h"

namespace kgs::kube {
namespace {

using ExchangePtr = std::shared_ptr<CurlExchange>;

// The loop comes round at least so often, and is stuck when it does not for so long.
constexpr base::Duration kLongestPoll = std::chrono::seconds(1);
constexpr base::Duration kStuckAfter = std::chrono::seconds(10);

// What requests and timers reach of their loop. They may outlive it.
struct Reach {
  TimerQueue timers;
  std::vector<ExchangePtr> cancelled;
};

class TimerHandle final : public Request {
 public:
  TimerHandle(std::shared_ptr<Reach> reach, TimerQueue::Key key)
      : reach_(std::move(reach)), key_(key) {}
  ~TimerHandle() override { reach_->timers.Cancel(key_); }
  TimerHandle(const TimerHandle&) = delete;
  TimerHandle& operator=(const TimerHandle&) = delete;

 private:
  const std::shared_ptr<Reach> reach_;
  const TimerQueue::Key key_;
};

class ExchangeHandle final : public Request {
 public:
  ExchangeHandle(std::shared_ptr<Reach> reach, ExchangePtr exchange)
      : reach_(std::move(reach)), exchange_(std::move(exchange)) {}
  ~ExchangeHandle() override {
    if (exchange_->over()) return;
    exchange_->Cancel();
    // curl lets go of no transfer from within its own callbacks: the loop does, a moment later.
    reach_->cancelled.push_back(exchange_);
  }
  ExchangeHandle(const ExchangeHandle&) = delete;
  ExchangeHandle& operator=(const ExchangeHandle&) = delete;

 private:
  const std::shared_ptr<Reach> reach_;
  const ExchangePtr exchange_;
};

class CurlLoop final : public CurlTransport {
 public:
  CurlLoop(Credentials credentials, std::string thread_name, const base::Clock& clock)
      : clock_(clock),
        target_(std::move(credentials)),
        token_(target_.credentials.token, target_.credentials.token_file),
        multi_(curl_multi_init()),
        loop_(std::move(thread_name), kStuckAfter, [this] { return Turn(); }) {
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  }
  ~CurlLoop() override {
    CurlLoop::Stop();
    curl_multi_cleanup(multi_);
  }
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  void Start() override { loop_.Start(); }
  void Stop() override;
  base::ThreadHealth Health() const override { return loop_.Health(clock_.Now()); }

  std::unique_ptr<Request> Get(const std::string& path, const RequestOptions& options,
                               RequestHandlers handlers) override {
    return Ask({path, std::nullopt}, options, std::move(handlers));
  }
  std::unique_ptr<Request> Create(const std::string& path, std::string body,
                                  const RequestOptions& options,
                                  RequestHandlers handlers) override {
    return Ask({path, std::move(body)}, options, std::move(handlers));
  }
  std::unique_ptr<Request> After(base::Duration wait, std::function<void()> due) override {
    return std::make_unique<TimerHandle>(reach_,
                                         reach_->timers.Add(clock_.Now() + wait, std::move(due)));
  }
  void Post(std::function<void()> function) override;
  base::SteadyTime Now() const override { return clock_.Now(); }

 private:
  std::unique_ptr<Request> Ask(CurlQuestion question, const RequestOptions& options,
                               RequestHandlers handlers) {
    beginning_.push_back(std::make_shared<CurlExchange>(std::move(question), options,
                                                        std::move(handlers), target_, clock_));
    return std::make_unique<ExchangeHandle>(reach_, beginning_.back());
  }
  base::Duration Turn();
  void RunPosted();
  void BeginRequests();
  void Begin(const ExchangePtr& exchange);
  void FinishRequests();
  /// Lets go of what was cancelled.
  void Sweep();
  void Poll();
  void CheckAt(const ExchangePtr& exchange, base::SteadyTime when);
  void Check(const ExchangePtr& exchange);
  /// Later requests get new connections; what is silent on the old ones ends.
  void AbandonConnections(const CurlExchange& cut_off);
  void LetGo(const ExchangePtr& exchange);

  const base::Clock& clock_;
  const CurlTarget target_;
  TokenSource token_;
  CURLM* const multi_;
  /// For requests to come.
  CurlPool pool_ = NewCurlPool();
  const std::shared_ptr<Reach> reach_ = std::make_shared<Reach>();
  std::vector<ExchangePtr> beginning_;
  /// By curl handle: those that curl has.
  std::unordered_map<void*, ExchangePtr> under_way_;
  std::atomic<bool> stopping_{false};
  base::Mutex mutex_;
  bool stopped_ KGS_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void()>> posted_ KGS_GUARDED_BY(mutex_);
  /// Last: its thread uses all of the above.
  base::LoopThread loop_;
};

void CurlLoop::Post(std::function<void()> function) {
  {
    base::MutexLock lock(mutex_);
    if (stopped_) return;
    posted_.push_back(std::move(function));
  }
  curl_multi_wakeup(multi_);
}

void CurlLoop::Stop() {
  stopping_ = true;
  curl_multi_wakeup(multi_);
  loop_.Stop();
  std::vector<std::function<void()>> dropped;
  {
    base::MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(posted_);
  }
  const auto beginning = std::exchange(beginning_, {});
  for (const ExchangePtr& exchange : beginning) exchange->Cancel();
  const auto under_way = std::exchange(under_way_, {});
  for (const auto& [easy, exchange] : under_way) {
    exchange->Cancel();
    curl_multi_remove_handle(multi_, easy);
    exchange->Close();
  }
  const auto cancelled = std::exchange(reach_->cancelled, {});
  reach_->timers.Clear();
}

base::Duration CurlLoop::Turn() {
  RunPosted();
  reach_->timers.Run(clock_.Now());
  BeginRequests();
  Sweep();
  int running = 0;
  curl_multi_perform(multi_, &running);
  FinishRequests();
  Sweep();
  if (!stopping_) Poll();
  return base::Duration::zero();
}

void CurlLoop::RunPosted() {
  std::vector<std::function<void()>> functions;
  {
    base::MutexLock lock(mutex_);
    functions.swap(posted_);
  }
  for (const auto& function : functions) function();
}

void CurlLoop::BeginRequests() {
  const auto beginning = std::exchange(beginning_, {});
  for (const ExchangePtr& exchange : beginning) {
    if (!exchange->over()) Begin(exchange);
  }
}

void CurlLoop::Begin(const ExchangePtr& exchange) {
  const auto token = token_.Get(clock_.Now());
  absl::Status ready = token.ok() ? exchange->Prepare(*token, pool_) : token.status();
  if (ready.ok()) {
    const CURLMcode added = curl_multi_add_handle(multi_, exchange->easy());
    if (added != CURLM_OK) ready = absl::UnavailableError(curl_multi_strerror(added));
  }
  if (!ready.ok()) {
    exchange->Close();
    exchange->Finish(ready);
    return;
  }
  under_way_.emplace(exchange->easy(), exchange);
  CheckAt(exchange, exchange->next_check());
}

void CurlLoop::FinishRequests() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    const auto found = under_way_.find(message->easy_handle);
    if (found == under_way_.end()) continue;
    const ExchangePtr exchange = found->second;
    if (exchange->http_status() == 401) token_.Refused();
    const absl::Status status = exchange->WhatCurlSays(code);
    LetGo(exchange);
    exchange->Finish(status);
  }
}

void CurlLoop::Sweep() {
  // Destroying a request may destroy others, which come into the list then.
  while (!reach_->cancelled.empty()) {
    const auto cancelled = std::exchange(reach_->cancelled, {});
    for (const ExchangePtr& exchange : cancelled) LetGo(exchange);
  }
}

void CurlLoop::LetGo(const ExchangePtr& exchange) {
  if (under_way_.erase(exchange->easy()) > 0) curl_multi_remove_handle(multi_, exchange->easy());
  exchange->Close();
}

void CurlLoop::Poll() {
  base::Duration wait = kLongestPoll;
  if (!beginning_.empty()) wait = base::Duration::zero();
  if (const auto due = reach_->timers.next_due()) {
    wait = std::clamp(*due - clock_.Now(), base::Duration::zero(), wait);
  }
  // Rounded up, or it would spin through the last millisecond.
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(wait);
  curl_multi_poll(multi_, nullptr, 0, static_cast<int>(milliseconds.count()), nullptr);
}

void CurlLoop::CheckAt(const ExchangePtr& exchange, base::SteadyTime when) {
  // One that is over costs one look at its time.
  reach_->timers.Add(when, [this, weak = std::weak_ptr<CurlExchange>(exchange)] {
    const ExchangePtr locked = weak.lock();
    if (locked != nullptr && !locked->over()) Check(locked);
  });
}

void CurlLoop::Check(const ExchangePtr& exchange) {
  const base::SteadyTime now = clock_.Now();
  const absl::Status overdue = exchange->Overdue(now);
  if (overdue.ok()) {
    CheckAt(exchange, exchange->next_check());
    return;
  }
  if (exchange->pool() == pool_ && exchange->SeemsCutOff(now)) AbandonConnections(*exchange);
  LetGo(exchange);
  exchange->Finish(overdue);
}

void CurlLoop::AbandonConnections(const CurlExchange& cut_off) {
  // Requests share connections, so one that leads nowhere would swallow every request after this
  // one. The system closes it only if it is dead for the system too, which behind a proxy it is
  // not. A watch of which nothing has come since the request that was cut off began would look
  // alive on it for as long as its own silence may last: it is over as well.
  const CurlPool old = std::exchange(pool_, NewCurlPool());
  std::vector<ExchangePtr> silent;
  for (const auto& [easy, other] : under_way_) {
    if (other.get() != &cut_off && other->pool() == old &&
        other->last_byte() <= cut_off.started()) {
      silent.push_back(other);
    }
  }
  for (const ExchangePtr& other : silent) {
    if (other->over()) continue;  // Cancelled by one that ended just before.
    LetGo(other);
    other->Finish(absl::UnavailableError(other->Where() + ": its connection has gone silent"));
  }
}

absl::Status CheckCredentials(const Credentials& credentials) {
  if (!credentials.certificate_authority.empty()) {
    const absl::Status usable =
        base::CheckCertificates(credentials.certificate_authority, "certificate authority");
    if (!usable.ok()) return usable;
  }
  if (!credentials.client_certificate.empty()) {
    absl::Status usable =
        base::CheckCertificates(credentials.client_certificate, "client certificate");
    if (usable.ok()) usable = base::CheckPrivateKey(credentials.client_key, "client key");
    if (!usable.ok()) return usable;
  }
  if (credentials.token.empty()) return absl::OkStatus();
  const auto token = CleanToken(credentials.token);
  if (token.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError("token: " + std::string(token.status().message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<CurlTransport>> CurlTransport::Make(Credentials credentials,
                                                                   std::string thread_name,
                                                                   const base::Clock& clock) {
  if (absl::Status usable = CheckCredentials(credentials); !usable.ok()) return usable;
  if (!credentials.token.empty()) credentials.token = *CleanToken(credentials.token);
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) {
    return absl::InternalError(std::string("libcurl does not start: ") + curl_easy_strerror(ready));
  }
  return std::make_unique<CurlLoop>(std::move(credentials), std::move(thread_name), clock);
}

}  // namespace kgs::kube
