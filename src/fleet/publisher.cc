// SPDX-License-Identifier: Apache-2.0
#include "fleet/publisher.h"

#include <absl/status/status.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/latest.h"
#include "base/log.h"
#include "base/mutex.h"
#include "fleet/hub_link.h"
#include "fleet/lasting_metrics.h"
#include "fleet/resolver.h"

namespace kgs::fleet {
namespace {

using base::Duration;
using base::SteadyTime;

/// A name with more addresses is none of hubs.
constexpr size_t kMostHubs = 64;
/// Bounds the thread's pulse on /healthz.
constexpr Duration kLongestWait = std::chrono::seconds(1);
constexpr Duration kStuckAfter = std::chrono::seconds(10);

}  // namespace

class Publisher::Impl final : public HubLink::Host {
 public:
  Impl(PublisherOptions options, ResolveHub resolve, HubAccess access, const base::Clock& clock,
       telemetry::PublisherCounters& counters, PublisherEvents events)
      : options_(std::move(options)),
        access_(std::move(access)),
        clock_(clock),
        counters_(counters),
        events_(std::move(events)),
        resolver_(std::move(resolve), options_.hub, options_.resolve_interval, [this] { Wake(); }),
        thread_("publisher", kStuckAfter, [this] { return Turn(); }) {}

  ~Impl() override { Stop(); }

  void Start() { thread_.Start(); }

  void Stop() {
    thread_.Stop();
    resolver_.Stop();
    for (const auto& link : Links()) link->Close();
    {
      base::MutexLock lock(mutex_);
      while (streams_ > 0) streams_ended_.Wait(mutex_);
    }
    LetGoOfEnded();
  }

  void Offer(std::shared_ptr<const model::NodeReport> report) {
    newest_.Set(std::move(report));
    Wake();
  }

  std::vector<HubState> Hubs() const {
    std::vector<HubState> hubs;
    for (const auto& link : Links()) hubs.push_back(link->State());
    return hubs;
  }

  std::string ResolveProblem() const {
    base::MutexLock lock(mutex_);
    return resolve_problem_;
  }

  std::vector<base::ThreadHealth> Health() const {
    return {thread_.Health(std::chrono::steady_clock::now())};
  }

  void Wake() override { thread_.Wake(); }
  void OnListPods() override { events_.on_list_pods(); }
  void OnStreamStart() override {
    base::MutexLock lock(mutex_);
    ++streams_;
  }
  void OnStreamEnd(std::shared_ptr<HubStream> stream) override {
    Wake();
    // Told under the lock: whoever waits in Stop may end us as soon as it is let go.
    base::MutexLock lock(mutex_);
    ended_.push_back(std::move(stream));
    --streams_;
    streams_ended_.NotifyAll();
  }

 private:
  using LinkPtr = std::shared_ptr<HubLink>;

  std::vector<LinkPtr> Links() const {
    std::vector<LinkPtr> links;
    base::MutexLock lock(mutex_);
    for (const auto& [address, link] : links_) links.push_back(link);
    return links;
  }

  void LetGoOfEnded() {
    // Freed after the lock is let go.
    std::vector<std::shared_ptr<HubStream>> ended;
    base::MutexLock lock(mutex_);
    ended.swap(ended_);
  }

  Duration Turn() {
    LetGoOfEnded();
    const SteadyTime now = clock_.Now();
    SteadyTime next = resolver_.Turn(now);
    if (auto answer = resolver_.Take()) {
      TakeAnswer(*std::move(answer));
    } else if (resolver_.Hangs(now)) {
      SetResolveProblem("resolving " + options_.hub + " has not returned");
    }
    const std::vector<LinkPtr> links = Links();
    const Beat::Report newest = newest_.Get();
    JoinInterests(links);
    ReadMetrics(now);
    JoinScrapes(links);
    for (const LinkPtr& link : links) next = std::min(next, link->Turn(now, newest, interest_));
    return std::clamp<Duration>(next - std::min(next, now), Duration::zero(), kLongestWait);
  }

  void TakeAnswer(Resolver::Addresses answer) {
    if (answer.ok() && answer->empty()) answer = absl::NotFoundError("no address");
    if (!answer.ok()) {
      SetResolveProblem(std::string(answer.status().message()));
      return;
    }
    SetResolveProblem("");
    std::vector<std::string>& addresses = *answer;
    if (addresses.size() > kMostHubs) addresses.resize(kMostHubs);
    std::map<std::string, LinkPtr> links;
    std::map<std::string, LinkPtr> gone;
    {
      base::MutexLock lock(mutex_);
      gone = links_;
    }
    for (const std::string& address : addresses) {
      if (const auto known = gone.find(address); known != gone.end()) {
        links.insert(gone.extract(known));
      } else if (!address.empty()) {
        links.emplace(address, std::make_shared<HubLink>(address, options_, access_, clock_,
                                                         counters_, *this));
      }
    }
    {
      base::MutexLock lock(mutex_);
      links_ = std::move(links);
    }
    for (const auto& [address, link] : gone) {
      base::LogInfo("a hub has vanished from the name", {{"hub", address}});
      link->Close();
    }
  }

  void SetResolveProblem(const std::string& problem) {
    {
      base::MutexLock lock(mutex_);
      if (problem == resolve_problem_) return;
      resolve_problem_ = problem;
    }
    if (!problem.empty()) {
      base::LogWarn("the hubs' name cannot be resolved",
                    {{"hub", options_.hub}, {"error", problem}});
    }
  }

  /// Makes interest_ the union of all; the same object while none has changed.
  void JoinInterests(const std::vector<LinkPtr>& links) {
    std::vector<std::shared_ptr<const Interest>> parts;
    for (const LinkPtr& link : links) {
      if (auto part = link->interest()) parts.push_back(std::move(part));
    }
    if (parts == interest_parts_) return;
    std::vector<Interest> interests;
    for (const auto& part : parts) interests.push_back(*part);
    interest_ = std::make_shared<const Interest>(Union(interests));
    interest_parts_ = std::move(parts);
  }

  /// Passes on which metrics are read, where that has changed.
  void ReadMetrics(SteadyTime now) {
    const model::MetricSet metrics = lasting_metrics_.At(now, interest_->metrics);
    if (metrics == metrics_) return;
    metrics_ = metrics;
    if (events_.on_metrics) events_.on_metrics(metrics);
  }

  /// Passes on the union of all, where any has changed.
  void JoinScrapes(const std::vector<LinkPtr>& links) {
    std::vector<std::shared_ptr<const EngineScrapes>> parts;
    for (const LinkPtr& link : links) {
      if (auto part = link->scrapes()) parts.push_back(std::move(part));
    }
    if (parts == scrape_parts_) return;
    std::vector<EngineScrapes> scrapes;
    for (const auto& part : parts) scrapes.push_back(*part);
    scrape_parts_ = std::move(parts);
    EngineScrapes all = UnionOf(scrapes);
    if (all == scrapes_) return;
    scrapes_ = all;
    if (events_.on_scrapes) events_.on_scrapes(std::move(all));
  }

  const PublisherOptions options_;
  const HubAccess access_;
  const base::Clock& clock_;
  telemetry::PublisherCounters& counters_;
  const PublisherEvents events_;
  base::Latest<model::NodeReport> newest_;
  /// Of the thread.
  std::shared_ptr<const Interest> interest_ = std::make_shared<const Interest>();
  std::vector<std::shared_ptr<const Interest>> interest_parts_;
  LastingMetrics lasting_metrics_;
  model::MetricSet metrics_;
  EngineScrapes scrapes_;
  std::vector<std::shared_ptr<const EngineScrapes>> scrape_parts_;
  mutable base::Mutex mutex_;
  base::CondVar streams_ended_;
  /// By address.
  std::map<std::string, LinkPtr> links_ KGS_GUARDED_BY(mutex_);
  int streams_ KGS_GUARDED_BY(mutex_) = 0;
  /// Streams that gRPC is done with, until a thread of ours lets go of them.
  std::vector<std::shared_ptr<HubStream>> ended_ KGS_GUARDED_BY(mutex_);
  std::string resolve_problem_ KGS_GUARDED_BY(mutex_);
  Resolver resolver_;
  base::LoopThread thread_;
};

Publisher::Publisher(PublisherOptions options, ResolveHub resolve, HubAccess access,
                     const base::Clock& clock, telemetry::PublisherCounters& counters,
                     PublisherEvents events)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(resolve), std::move(access), clock,
                                   counters, std::move(events))) {}

Publisher::~Publisher() = default;

void Publisher::Start() { impl_->Start(); }
void Publisher::Stop() { impl_->Stop(); }
void Publisher::Offer(std::shared_ptr<const model::NodeReport> report) {
  impl_->Offer(std::move(report));
}
std::vector<HubState> Publisher::Hubs() const { return impl_->Hubs(); }
std::string Publisher::ResolveProblem() const { return impl_->ResolveProblem(); }
std::vector<base::ThreadHealth> Publisher::Health() const { return impl_->Health(); }

}  // namespace kgs::fleet
