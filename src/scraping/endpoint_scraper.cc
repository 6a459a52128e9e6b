// SPDX-License-Identifier: Apache-2.0
#include "scraping/endpoint_scraper.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "scraping/page_fetch.h"

namespace kgs::scraping {
namespace {

using base::Duration;
using base::SteadyTime;
using endpoint::Addresses;
using endpoint::IpAddress;
using model::EngineGap;
using model::EngineReading;

/// Bounds the thread's pulse on /healthz.
constexpr Duration kLongestWait = std::chrono::seconds(1);
constexpr Duration kStuckAfter = std::chrono::seconds(10);
constexpr Duration kFirstWithin = std::chrono::seconds(1);
/// What nobody wants is kept for so long, since triggers are changed by taking them away.
constexpr Duration kKept = kRateWindow;
constexpr char kNotAskedYet[] = "not asked yet";

/// A moment of the endpoint's own, so that many are not asked at once, now or ever after.
Duration OffsetOf(const EndpointKey& key, Duration interval) {
  const Duration within = std::min(interval, kFirstWithin);
  constexpr size_t kSteps = 1009;
  const size_t step = std::hash<std::string>()(key.url + key.object_namespace) % kSteps;
  return within * static_cast<Duration::rep>(step) / static_cast<Duration::rep>(kSteps);
}

/// A lookup that timed out, or that was not begun.
bool SaysNothing(const absl::Status& lookup) {
  return absl::IsDeadlineExceeded(lookup) || absl::IsResourceExhausted(lookup);
}

}  // namespace

EndpointScraper::EndpointScraper(Parts parts)
    : parts_(std::move(parts)), thread_("endpoints", kStuckAfter, [this] { return Turn(); }) {}

void EndpointScraper::TakePlan(const EndpointKey& key, EndpointPlan plan, SteadyTime now) {
  Endpoint& endpoint = endpoints_[key];
  if (!endpoint.wanted) {
    if (endpoint.idle()) endpoint.due = now + OffsetOf(key, plan.interval);
    // What moved while nobody watched is nobody's demand.
    endpoint.wakes.clear();
    endpoint.wakes_anew = true;
    if (now - endpoint.resolved >= kResolveEvery) {
      endpoint.addresses.reset();
      endpoint.readings = std::make_shared<EndpointReadings>();
    }
  }
  // What is wanted sooner than it was is not left to the old pace.
  endpoint.due = std::min(endpoint.due, now + plan.interval);
  endpoint.wanted = true;
  std::map<std::string, EngineReading> latest;
  WakesByKey wakes;
  for (size_t i = 0; i < plan.keys.size(); ++i) {
    const std::string& query = plan.keys[i];
    if (plan.query->wanted()[i].wake) {
      const auto known = endpoint.wakes.find(query);
      wakes.emplace(query,
                    known != endpoint.wakes.end()
                        ? known->second
                        : EndpointWake{{engine::WakeState::kNoValueYet, 0, kNotAskedYet}, now});
      continue;
    }
    const auto known = endpoint.latest.find(query);
    latest.emplace(query, known != endpoint.latest.end()
                              ? known->second
                              : EngineReading::Missing(EngineGap::kNoValueYet, kNotAskedYet, now));
  }
  endpoint.latest = std::move(latest);
  endpoint.wakes = std::move(wakes);
  endpoint.plan = std::move(plan);
}

void EndpointScraper::SetTargets(const std::vector<EndpointTarget>& targets) {
  {
    base::MutexLock lock(mutex_);
    if (targets == targets_) return;
  }
  std::map<EndpointKey, EndpointPlan> plans = PlanEndpoints(targets);
  {
    base::MutexLock lock(mutex_);
    targets_ = targets;
    const SteadyTime now = parts_.clock.Now();
    for (auto& [key, endpoint] : endpoints_) {
      if (!endpoint.wanted || plans.contains(key)) continue;
      endpoint.wanted = false;
      endpoint.unwanted_since = now;
    }
    for (auto& [key, plan] : plans) TakePlan(key, std::move(plan), now);
  }
  thread_.Wake();
}

SteadyTime EndpointScraper::Plan(const EndpointKey& key, Endpoint& endpoint, SteadyTime now,
                                 Work& work) {
  const SteadyTime later = now + kLongestWait;
  if (!endpoint.wanted || endpoint.plan.keys.empty() || endpoint.round != nullptr) return later;
  if (endpoint.due > now) return endpoint.due;
  const Duration known_for = endpoint.suspect ? kResolveSoonest : kResolveEvery;
  const bool resolve = !endpoint.addresses || now - endpoint.resolved >= known_for;
  if (resolve && !endpoint.resolving) {
    endpoint.resolving = true;
    work.lookups.emplace_back(key, endpoint.plan);
  }
  // The answer ends this wait.
  if (!endpoint.addresses) return later;
  if (endpoint.addresses->ok()) {
    if (const auto until = WaitsUntil(endpoint, (*endpoint.addresses)->size(), now)) return *until;
  }
  // Of rounds that were missed none is made up for.
  endpoint.due += endpoint.plan.interval;
  if (endpoint.due <= now) endpoint.due = now + endpoint.plan.interval;
  if (!endpoint.addresses->ok()) {
    // Said again, so that it stays fresh: it is as it was.
    Fail(endpoint, endpoint.addresses->status(), now);
    return endpoint.due;
  }
  auto round = std::make_shared<Round>();
  round->plan = endpoint.plan;
  round->asked = now;
  round->addresses = **endpoint.addresses;
  round->left = std::exchange(endpoint.left, {});
  round->wakes_anew = std::exchange(endpoint.wakes_anew, false);
  round->readings = endpoint.readings;
  endpoint.round = round;
  shares_[endpoint.plan.object_namespace].pages_under_way += round->addresses.size();
  work.rounds.emplace_back(key, std::move(round));
  return later;
}

Duration EndpointScraper::Turn() {
  const SteadyTime now = parts_.clock.Now();
  SteadyTime next = now + kLongestWait;
  Work work;
  {
    base::MutexLock lock(mutex_);
    std::erase_if(endpoints_, [&](const auto& entry) {
      const Endpoint& endpoint = entry.second;
      return !endpoint.wanted && endpoint.idle() && now - endpoint.unwanted_since > kKept;
    });
    for (auto& [key, endpoint] : endpoints_) {
      next = std::min(next, Plan(key, endpoint, now, work));
    }
  }
  for (const auto& [key, plan] : work.lookups) LookUp(key, plan);
  for (const auto& [key, round] : work.rounds) Ask(key, round);
  return std::max(next - parts_.clock.Now(), Duration::zero());
}

void EndpointScraper::LookUp(const EndpointKey& key, const EndpointPlan& plan) {
  parts_.resolve({plan.url, plan.object_namespace, parts_.guard()},
                 [this, key](const absl::StatusOr<Addresses>& found) { OnAddresses(key, found); });
}

void EndpointScraper::Ask(const EndpointKey& key, const std::shared_ptr<Round>& round) {
  const EndpointPlan& plan = round->plan;
  absl::Status refused =
      endpoint::JudgeAll(round->addresses, {plan.url, plan.object_namespace, parts_.guard()});
  endpoint::Credential credential;
  if (refused.ok() && !plan.credential.empty()) {
    auto found = CredentialOf(plan);
    if (found.ok()) {
      credential = *std::move(found);
    } else {
      refused = found.status();
    }
  }
  if (!refused.ok()) {
    round->readings->Forget();
    base::MutexLock lock(mutex_);
    shares_[plan.object_namespace].pages_under_way -= round->addresses.size();
    Endpoint& endpoint = endpoints_.at(key);
    endpoint.round = nullptr;
    endpoint.suspect = true;
    endpoint.wakes_anew |= round->wakes_anew;
    Fail(endpoint, refused, round->asked);
    return;
  }
  if (round->wakes_anew) round->readings->ForgetWakes();
  round->readings->BeginRound(plan, round->asked, round->left);
  const int64_t unix_now = parts_.unix_now();
  // A copy: the round may be over before the last is asked.
  for (const Addresses addresses = round->addresses; const IpAddress& address : addresses) {
    FetchPage(parts_.fetcher, {plan.url, address, plan.query, plan.timeout, credential},
              round->asked, unix_now, [this, key, round, address](const FetchedPage& fetched) {
                OnPage(key, round, address, fetched);
              });
  }
}

std::optional<SteadyTime> EndpointScraper::WaitsUntil(const Endpoint& endpoint, size_t pages,
                                                      SteadyTime now) {
  const Share& share = shares_[endpoint.plan.object_namespace];
  if (share.paid_until > now) return share.paid_until;
  // The end of a page wakes the thread.
  const bool full = share.pages_under_way > 0 && share.pages_under_way + pages > kMostPagesUnderWay;
  return full ? std::optional(now + kLongestWait) : std::nullopt;
}

absl::StatusOr<endpoint::Credential> EndpointScraper::CredentialOf(const EndpointPlan& plan) {
  std::string problem;
  auto found = parts_.credentials.CredentialFor(plan.credential, plan.url, &problem);
  // A name or a URL that is wrong is the tenant's to hear of.
  if (!found.ok() && problem.empty()) return found;
  std::string& logged = credential_problems_[plan.credential];
  if (problem == logged) return found;
  logged = problem;
  if (problem.empty()) {
    base::LogInfo("a named endpoint's credential can be read again",
                  {{"endpoint", plan.credential}});
  } else {
    base::LogWarn("a named endpoint's credential cannot be read",
                  {{"endpoint", plan.credential}, {"problem", problem}});
  }
  return found;
}

void EndpointScraper::OnAddresses(const EndpointKey& key,
                                  const absl::StatusOr<Addresses>& addresses) {
  parts_.counters.lookups.Add();
  if (!addresses.ok()) parts_.counters.lookup_failures.Add();
  {
    base::MutexLock lock(mutex_);
    const auto found = endpoints_.find(key);
    if (found == endpoints_.end()) return;
    Endpoint& endpoint = found->second;
    endpoint.resolving = false;
    endpoint.suspect = !addresses.ok();
    endpoint.resolved = parts_.clock.Now();
    const bool known = endpoint.addresses && endpoint.addresses->ok();
    const bool keeps = known && SaysNothing(addresses.status()) &&
                       endpoint.resolved - endpoint.told <= kAddressesKept;
    if (!keeps) TakeAddresses(endpoint, addresses);
  }
  thread_.Wake();
}

void EndpointScraper::TakeAddresses(Endpoint& endpoint,
                                    const absl::StatusOr<Addresses>& addresses) {
  endpoint.told = endpoint.resolved;
  const Addresses now = addresses.ok() ? *addresses : Addresses();
  if (endpoint.addresses && endpoint.addresses->ok()) {
    for (const IpAddress& before : **endpoint.addresses) {
      if (std::find(now.begin(), now.end(), before) == now.end()) endpoint.left.push_back(before);
    }
  }
  endpoint.addresses = addresses;
}

void EndpointScraper::OnPage(const EndpointKey& key, const std::shared_ptr<Round>& round,
                             const IpAddress& address, const FetchedPage& fetched) {
  parts_.counters.pages.scrapes.Add();
  if (!fetched.page.ok()) parts_.counters.pages.failures.Add();
  parts_.counters.pages.duration.Observe(base::Seconds(parts_.clock.Now() - round->asked));
  round->bytes += fetched.bytes;
  // Before the others have answered: demand at one address is demand.
  if (WakesByKey demand = round->readings->OnPage(address, fetched.page); !demand.empty()) {
    {
      base::MutexLock lock(mutex_);
      Publish(endpoints_.at(key), {{}, std::move(demand)});
    }
    if (parts_.on_demand) parts_.on_demand();
  }
  if (++round->answered < round->addresses.size()) return;
  EndRound(key, round);
  thread_.Wake();
}

void EndpointScraper::EndRound(const EndpointKey& key, const std::shared_ptr<Round>& round) {
  EndpointReadings::Outcome outcome = round->readings->EndRound();
  const size_t kept_bytes = round->readings->bytes();
  const SteadyTime now = parts_.clock.Now();
  base::MutexLock lock(mutex_);
  Endpoint& endpoint = endpoints_.at(key);
  endpoint.round = nullptr;
  endpoint.kept_bytes = kept_bytes;
  endpoint.suspect |= outcome.any_failed;
  Publish(endpoint, std::move(outcome));
  // One that failed is left in peace for a round.
  endpoint.due = std::max(endpoint.due, endpoint.suspect ? now + round->plan.interval : now);
  const std::string& of = round->plan.object_namespace;
  Share& share = shares_[of];
  share.pages_under_way -= round->addresses.size();
  const std::chrono::duration<double> cost(static_cast<double>(round->bytes) /
                                           static_cast<double>(kMostBytesASecond));
  share.paid_until =
      std::max(share.paid_until, now) + std::chrono::duration_cast<base::Duration>(cost);
  size_t kept = 0;
  for (const auto& [other, one] : endpoints_) {
    if (other.object_namespace == of) kept += one.kept_bytes;
  }
  if (kept <= kMostKeptBytes) return;
  round->readings->Forget();
  round->readings->ForgetWakes();
  endpoint.kept_bytes = 0;
  Fail(endpoint,
       absl::ResourceExhaustedError("too many series that grow for the endpoints of a namespace"),
       now);
}

void EndpointScraper::Publish(Endpoint& endpoint, EndpointReadings::Outcome outcome) {
  for (auto& [key, reading] : endpoint.latest) {
    const auto found = outcome.readings.find(key);
    if (found != outcome.readings.end()) reading = std::move(found->second);
  }
  for (auto& [key, wake] : endpoint.wakes) {
    const auto found = outcome.wakes.find(key);
    if (found != outcome.wakes.end()) wake = std::move(found->second);
  }
}

void EndpointScraper::Fail(Endpoint& endpoint, const absl::Status& why, SteadyTime now) {
  const std::string text = endpoint.plan.url.Shown() + ": " + std::string(why.message());
  Publish(endpoint, endpoint.readings->Fail(endpoint.plan, text, now));
}

std::optional<EndpointReading> EndpointScraper::Latest(const EndpointKey& key,
                                                       const std::string& query_key) const {
  base::MutexLock lock(mutex_);
  const auto found = endpoints_.find(key);
  if (found == endpoints_.end() || !found->second.wanted) return std::nullopt;
  const Endpoint& endpoint = found->second;
  const auto latest = endpoint.latest.find(query_key);
  if (latest != endpoint.latest.end())
    return EndpointReading{latest->second, MaxAge(endpoint.plan)};
  const auto refused = endpoint.plan.refused.find(query_key);
  if (refused == endpoint.plan.refused.end()) return std::nullopt;
  return EndpointReading{
      EngineReading::Missing(EngineGap::kFault, refused->second, parts_.clock.Now()),
      MaxAge(endpoint.plan)};
}

std::optional<EndpointWake> EndpointScraper::LatestWake(const EndpointKey& key,
                                                        const std::string& query_key) const {
  base::MutexLock lock(mutex_);
  const auto found = endpoints_.find(key);
  if (found == endpoints_.end() || !found->second.wanted) return std::nullopt;
  const Endpoint& endpoint = found->second;
  EndpointWake wake;
  if (const auto known = endpoint.wakes.find(query_key); known != endpoint.wakes.end()) {
    wake = known->second;
  } else if (const auto refused = endpoint.plan.refused.find(query_key);
             refused != endpoint.plan.refused.end()) {
    wake.reading = {engine::WakeState::kUnreadable, 0, refused->second};
    wake.taken = parts_.clock.Now();
  } else {
    return std::nullopt;
  }
  wake.max_age = MaxAge(endpoint.plan);
  return wake;
}

size_t EndpointScraper::targets() const {
  base::MutexLock lock(mutex_);
  return static_cast<size_t>(std::count_if(endpoints_.begin(), endpoints_.end(),
                                           [](const auto& entry) { return entry.second.wanted; }));
}

base::ThreadHealth EndpointScraper::Health() const { return thread_.Health(parts_.clock.Now()); }

}  // namespace kgs::scraping
