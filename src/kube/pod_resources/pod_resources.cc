// SPDX-License-Identifier: Apache-2.0
#include "kube/pod_resources/pod_resources.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/backoff.h"
#include "base/log.h"
#include "base/mutex.h"
#include "kube/pod_resources/kubelet_client.h"
#include "kube/pod_resources/merge.h"

namespace kgs::kube {
namespace {

using base::Duration;
using base::SteadyTime;
using AnswerKind = KubeletClient::Answer::Kind;

/// A kubelet that is away is asked after so long at the latest, over and above least_interval.
constexpr Duration kAbsenceWait = std::chrono::seconds(1);
/// One that is asked too often is left alone for at most so many intervals.
constexpr int kLongestBackoffIntervals = 12;
/// Beyond its deadline, which ends each call, the thread has nothing to wait for.
constexpr Duration kStuckAfterDeadline = std::chrono::seconds(10);

}  // namespace

class PodResources::Impl {
 public:
  Impl(PodResourcesOptions options, const base::Clock& clock, UnixMilliseconds unix_now,
       telemetry::PodResourcesCounters& counters, std::function<void()> on_listing)
      : options_(std::move(options)),
        clock_(clock),
        unix_now_(std::move(unix_now)),
        counters_(counters),
        on_listing_(std::move(on_listing)),
        client_(options_.socket, options_.deadline),
        backoff_(options_.interval, options_.interval * kLongestBackoffIntervals),
        thread_("pod-resources", options_.deadline + kStuckAfterDeadline,
                [this] { return Turn(); }) {
    latest_.Set(std::make_shared<const PodResourcesState>());
  }
  ~Impl() { Stop(); }

  void Start() { thread_.Start(); }

  void Stop() {
    client_.Cancel();
    thread_.Stop();
  }

  void ListSoon() {
    {
      base::MutexLock lock(mutex_);
      asked_ = true;
    }
    thread_.Wake();
  }

  std::shared_ptr<const PodResourcesState> Latest() const { return latest_.Get(); }

  base::ThreadHealth Health() const {
    base::ThreadHealth health = thread_.Health(std::chrono::steady_clock::now());
    if (client_.calling()) health.doing = "PodResources List";
    return health;
  }

 private:
  /// On the thread, as is all below.
  Duration Turn() {
    if (clock_.Now() < Due()) return Due() - clock_.Now();
    if (unreachable_) client_.AwaitConnection(kAbsenceWait);
    {
      // Before the call: who asks while it is under way wants a later answer than that.
      base::MutexLock lock(mutex_);
      asked_ = false;
    }
    const model::ListingTime asked{clock_.Now(), unix_now_()};
    KubeletClient::Answer answer = client_.List();
    if (answer.kind == AnswerKind::kCancelled) return Duration::max();

    counters_.listings.Add();
    if (answer.kind == AnswerKind::kOk) {
      Take(std::move(answer.pods), asked);
    } else {
      counters_.failures.Add();
      Miss(answer.problem);
    }
    Plan(answer.kind, asked.steady);
    return Due() - clock_.Now();
  }

  /// When to ask next.
  SteadyTime Due() {
    base::MutexLock lock(mutex_);
    return asked_ ? std::min(earliest_, regular_) : regular_;
  }

  void Plan(AnswerKind kind, SteadyTime sent) {
    Duration wait = options_.interval;
    earliest_ = sent + options_.least_interval;
    if (kind == AnswerKind::kTooOften) {
      wait = backoff_.Next();
      earliest_ = sent + wait;
    } else {
      backoff_.Reset();
    }
    unreachable_ = kind == AnswerKind::kUnreachable;
    // Most of the wait is AwaitConnection's, which sees at once when there is a kubelet again.
    if (unreachable_) wait = std::min(wait, options_.least_interval);
    regular_ = sent + wait;
  }

  void Take(std::vector<model::PodAllocation> pods, const model::ListingTime& asked) {
    known_ = Merge(known_, std::move(pods), asked);
    answered_ = true;
    if (!problem_.empty()) base::LogInfo("kubelet lists its pods", {{"socket", options_.socket}});
    problem_.clear();
    Publish(std::make_shared<const model::PodListing>(known_.listing));
  }

  void Miss(const std::string& problem) {
    const bool forget =
        answered_ && clock_.Now() - known_.listing.listed.steady > options_.longest_memory;
    if (problem == problem_ && !forget) return;
    if (problem != problem_) base::LogWarn("kubelet does not list its pods", {{"error", problem}});
    problem_ = problem;
    if (forget) {
      known_ = {};
      answered_ = false;
    }
    Publish(answered_ ? latest_.Get()->listing : nullptr);
  }

  void Publish(std::shared_ptr<const model::PodListing> listing) {
    latest_.Set(
        std::make_shared<const PodResourcesState>(PodResourcesState{std::move(listing), problem_}));
    on_listing_();
  }

  const PodResourcesOptions options_;
  const base::Clock& clock_;
  const UnixMilliseconds unix_now_;
  telemetry::PodResourcesCounters& counters_;
  const std::function<void()> on_listing_;
  KubeletClient client_;
  base::Latest<PodResourcesState> latest_;

  base::Mutex mutex_;
  bool asked_ KGS_GUARDED_BY(mutex_) = false;

  // Of the thread.
  MergedListing known_;
  /// known_ is worth something: there was an answer, and it is not forgotten.
  bool answered_ = false;
  std::string problem_;
  bool unreachable_ = false;
  /// Both long past before the first call.
  SteadyTime regular_ = SteadyTime::min();
  SteadyTime earliest_ = SteadyTime::min();
  base::Backoff backoff_;

  /// The last member: it uses all others.
  base::LoopThread thread_;
};

PodResources::PodResources(PodResourcesOptions options, const base::Clock& clock,
                           UnixMilliseconds unix_now, telemetry::PodResourcesCounters& counters,
                           std::function<void()> on_listing)
    : impl_(std::make_unique<Impl>(std::move(options), clock, std::move(unix_now), counters,
                                   std::move(on_listing))) {}

PodResources::~PodResources() = default;

void PodResources::Start() { impl_->Start(); }
void PodResources::Stop() { impl_->Stop(); }
void PodResources::ListSoon() { impl_->ListSoon(); }
std::shared_ptr<const PodResourcesState> PodResources::Latest() const { return impl_->Latest(); }
base::ThreadHealth PodResources::Health() const { return impl_->Health(); }

}  // namespace kgs::kube
