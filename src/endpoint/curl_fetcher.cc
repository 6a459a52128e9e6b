// SPDX-License-Identifier: Apache-2.0
#include "endpoint/curl_fetcher.h"

#include <absl/status/status.h>
#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "endpoint/curl_fetch.h"

namespace kgs::endpoint {
namespace {

using FetchPtr = std::unique_ptr<CurlFetch>;

// The loop comes round at least so often, and is stuck when it does not for so long.
constexpr base::Duration kLongestPoll = std::chrono::seconds(1);
constexpr base::Duration kStuckAfter = std::chrono::seconds(10);

class CurlLoop final : public CurlFetcher {
 public:
  CurlLoop(std::string thread_name, const base::Clock& clock, Limits limits)
      : clock_(clock),
        limits_(limits),
        multi_(curl_multi_init()),
        loop_(std::move(thread_name), kStuckAfter, [this] { return Turn(); }) {
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, limits_.idle_connections);
  }
  ~CurlLoop() override {
    CurlLoop::Stop();
    curl_multi_cleanup(multi_);
  }
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  void Start() override { loop_.Start(); }
  void Stop() override;
  void Wake() override { curl_multi_wakeup(multi_); }
  void Fetch(FetchRequest request, FetchHandlers handlers) override;
  base::ThreadHealth Health() const override { return loop_.Health(clock_.Now()); }

 private:
  base::Duration Turn();
  void BeginNew();
  void Begin(FetchPtr fetch);
  void FinishDone();
  void FinishOverdue();
  void Poll();
  /// Out of curl, and out of our lists.
  FetchPtr Take(CurlFetch* fetch);
  void Finish(const FetchPtr& fetch);

  const base::Clock& clock_;
  const Limits limits_;
  CURLM* const multi_;
  /// By curl handle: those that curl has.
  std::unordered_map<void*, FetchPtr> under_way_;
  /// The same by their end.
  std::set<std::pair<base::SteadyTime, CurlFetch*>> deadlines_;
  std::atomic<bool> stopping_{false};
  base::Mutex mutex_;
  bool stopped_ KGS_GUARDED_BY(mutex_) = false;
  /// Begun, and not finished.
  size_t open_ KGS_GUARDED_BY(mutex_) = 0;
  std::vector<FetchPtr> new_ KGS_GUARDED_BY(mutex_);
  /// Last: its thread uses all of the above.
  base::LoopThread loop_;
};

void CurlLoop::Fetch(FetchRequest request, FetchHandlers handlers) {
  auto fetch = std::make_unique<CurlFetch>(std::move(request), std::move(handlers), clock_);
  {
    base::MutexLock lock(mutex_);
    if (stopped_) return;
    if (open_ >= limits_.fetches) {
      fetch->Fail(FetchFailure::kBusy, absl::StatusCode::kResourceExhausted,
                  "more than " + std::to_string(limits_.fetches) + " fetches are under way");
    }
    ++open_;
    new_.push_back(std::move(fetch));
  }
  curl_multi_wakeup(multi_);
}

void CurlLoop::Stop() {
  stopping_ = true;
  curl_multi_wakeup(multi_);
  loop_.Stop();
  std::vector<FetchPtr> dropped;
  {
    base::MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(new_);
  }
  deadlines_.clear();
  for (const auto& [easy, fetch] : under_way_) curl_multi_remove_handle(multi_, easy);
  under_way_.clear();
}

base::Duration CurlLoop::Turn() {
  BeginNew();
  FinishOverdue();
  int running = 0;
  curl_multi_perform(multi_, &running);
  FinishDone();
  if (!stopping_) Poll();
  return base::Duration::zero();
}

void CurlLoop::BeginNew() {
  std::vector<FetchPtr> fetches;
  {
    base::MutexLock lock(mutex_);
    fetches.swap(new_);
  }
  for (FetchPtr& fetch : fetches) Begin(std::move(fetch));
}

void CurlLoop::Begin(FetchPtr fetch) {
  bool begun = fetch->Prepare();
  if (begun) {
    const CURLMcode added = curl_multi_add_handle(multi_, fetch->easy());
    begun = added == CURLM_OK;
    if (!begun) {
      fetch->Fail(FetchFailure::kBusy, absl::StatusCode::kResourceExhausted,
                  curl_multi_strerror(added));
    }
  }
  if (!begun) {
    Finish(fetch);
    return;
  }
  deadlines_.emplace(fetch->deadline(), fetch.get());
  void* const easy = fetch->easy();
  under_way_.emplace(easy, std::move(fetch));
}

void CurlLoop::FinishDone() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    const auto found = under_way_.find(message->easy_handle);
    if (found == under_way_.end()) continue;
    found->second->EndByCurl(code);
    Finish(Take(found->second.get()));
  }
}

void CurlLoop::FinishOverdue() {
  const base::SteadyTime now = clock_.Now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    // What is taken out in the middle closes its connection.
    const FetchPtr fetch = Take(deadlines_.begin()->second);
    fetch->EndByTimeout();
    Finish(fetch);
  }
}

FetchPtr CurlLoop::Take(CurlFetch* fetch) {
  curl_multi_remove_handle(multi_, fetch->easy());
  deadlines_.erase({fetch->deadline(), fetch});
  const auto found = under_way_.find(fetch->easy());
  FetchPtr taken = std::move(found->second);
  under_way_.erase(found);
  return taken;
}

void CurlLoop::Finish(const FetchPtr& fetch) {
  {
    base::MutexLock lock(mutex_);
    --open_;
  }
  fetch->Finish();
}

void CurlLoop::Poll() {
  base::Duration wait = kLongestPoll;
  if (!deadlines_.empty()) {
    const base::Duration left = deadlines_.begin()->first - clock_.Now();
    wait = std::clamp(left, base::Duration::zero(), wait);
  }
  // Rounded up, or it would spin through the last millisecond.
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(wait);
  curl_multi_poll(multi_, nullptr, 0, static_cast<int>(milliseconds.count()), nullptr);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CurlFetcher>> CurlFetcher::Make(std::string thread_name,
                                                               const base::Clock& clock,
                                                               Limits limits) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) {
    return absl::InternalError(std::string("libcurl does not start: ") + curl_easy_strerror(ready));
  }
  return std::make_unique<CurlLoop>(std::move(thread_name), clock, limits);
}

}  // namespace kgs::endpoint
