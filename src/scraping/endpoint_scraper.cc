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

std::string WordsOf(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

EndpointScraper::EndpointScraper(Parts parts)
    : parts_(std::move(parts)), thread_("endpoints", kStuckAfter, [this] { return Turn(); }) {}

void EndpointScraper::TakePlan(const EndpointKey& key, EndpointPlan plan, SteadyTime now) {
  Endpoint& endpoint = endpoints_[key];
  if (!endpoint.wanted) {
    if (endpoint.idle()) endpoint.due = now + OffsetOf(key, plan.interval);
    // What moved while nobody watched is nobody's demand.
    endpoint.wakes.clear();
    if (now - endpoint.resolved >= kResolveEvery) {
      endpoint.addresses.reset();
      endpoint.histories.clear();
    }
  }
  // What is wanted sooner than it was is not left to the old pace.
  endpoint.due = std::min(endpoint.due, now + plan.interval);
  endpoint.wanted = true;
  std::map<std::string, EngineReading> latest;
  std::map<std::string, WakeWatch> wakes;
  for (size_t i = 0; i < plan.keys.size(); ++i) {
    const std::string& query = plan.keys[i];
    const engine::Wanted& wanted = plan.query->wanted()[i];
    if (wanted.wake) {
      auto known = endpoint.wakes.extract(query);
      if (known.empty()) {
        wakes.try_emplace(query, wanted.signal, now);
      } else {
        wakes.insert(std::move(known));
      }
      continue;
    }
    const auto known = endpoint.latest.find(query);
    latest.emplace(query, known != endpoint.latest.end()
                              ? known->second
                              : EngineReading::Missing(EngineGap::kNoValueYet, kNotAskedYet, now));
  }
  endpoint.latest = std::move(latest);
  endpoint.wakes = std::move(wakes);
  for (auto& [address, histories] : endpoint.histories) {
    std::erase_if(histories,
                  [&](const auto& history) { return !endpoint.latest.contains(history.first); });
  }
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
  for (const IpAddress& address : **endpoint.addresses) round->pages[address] = std::nullopt;
  round->under_way = round->pages.size();
  endpoint.round = round;
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
  Addresses addresses;
  for (const auto& [address, page] : round->pages) addresses.push_back(address);
  absl::Status refused =
      endpoint::JudgeAll(addresses, {plan.url, plan.object_namespace, parts_.guard()});
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
    base::MutexLock lock(mutex_);
    Endpoint& endpoint = endpoints_.at(key);
    endpoint.round = nullptr;
    endpoint.suspect = true;
    endpoint.histories.clear();
    Fail(endpoint, refused, round->asked);
    return;
  }
  const int64_t unix_now = parts_.unix_now();
  for (const IpAddress& address : addresses) {
    FetchPage(parts_.fetcher, {plan.url, address, plan.query, plan.timeout, credential},
              round->asked, unix_now,
              [this, key, round, address](SteadyTime, absl::StatusOr<engine::PageReading> page) {
                OnPage(key, round, address, std::move(page));
              });
  }
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
    endpoint.addresses = addresses;
    KeepHistories(endpoint);
  }
  thread_.Wake();
}

void EndpointScraper::OnPage(const EndpointKey& key, const std::shared_ptr<Round>& round,
                             const IpAddress& address, absl::StatusOr<engine::PageReading> page) {
  parts_.counters.pages.scrapes.Add();
  if (!page.ok()) parts_.counters.pages.failures.Add();
  parts_.counters.pages.duration.Observe(base::Seconds(parts_.clock.Now() - round->asked));
  bool demand = false;
  bool ended = false;
  {
    base::MutexLock lock(mutex_);
    round->pages[address] = std::move(page);
    demand = ShowWakes(endpoints_.at(key), *round, address);
    ended = --round->under_way == 0;
    if (ended) EndRound(key, round);
  }
  if (demand && parts_.on_demand) parts_.on_demand();
  if (ended) thread_.Wake();
}

bool EndpointScraper::ShowWakes(Endpoint& endpoint, const Round& round, const IpAddress& address) {
  bool demand = false;
  const absl::StatusOr<engine::PageReading>& page = *round.pages.at(address);
  for (size_t i = 0; i < round.plan.keys.size(); ++i) {
    const auto wake = endpoint.wakes.find(round.plan.keys[i]);
    if (wake == endpoint.wakes.end()) continue;
    const auto said = page.ok() ? absl::StatusOr<engine::RawSignal>(page->signals[i])
                                : absl::StatusOr<engine::RawSignal>(page.status());
    demand |= wake->second.OnPage(address, WhereOf(round.plan.url, address), said, round.asked);
  }
  return demand;
}

void EndpointScraper::EndRound(const EndpointKey& key, const std::shared_ptr<Round>& round) {
  Endpoint& endpoint = endpoints_.at(key);
  endpoint.round = nullptr;
  for (const auto& [address, page] : round->pages) {
    if ((*page).ok()) continue;
    endpoint.suspect = true;
    endpoint.histories.erase(address);
  }
  for (size_t i = 0; i < round->plan.keys.size(); ++i) {
    const auto latest = endpoint.latest.find(round->plan.keys[i]);
    if (latest != endpoint.latest.end()) latest->second = Combine(endpoint, *round, i);
    const auto wake = endpoint.wakes.find(round->plan.keys[i]);
    if (wake != endpoint.wakes.end()) wake->second.EndRound(round->pages.size(), round->asked);
  }
  KeepHistories(endpoint);
  // One that failed is left in peace for a round.
  const SteadyTime now = parts_.clock.Now();
  const SteadyTime soonest = endpoint.suspect ? now + round->plan.interval : now;
  endpoint.due = std::max(endpoint.due, soonest);
}

EngineReading EndpointScraper::Combine(Endpoint& endpoint, const Round& round, size_t place) {
  const std::string& key = round.plan.keys[place];
  const engine::Wanted& wanted = round.plan.query->wanted()[place];
  std::vector<AddressReading> all;
  for (const auto& [address, page] : round.pages) {
    AddressReading one{round.plan.url.ShownAt(address), {}};
    if ((*page).ok()) {
      QueryHistory& history = endpoint.histories[address].try_emplace(key, wanted).first->second;
      one.reading = history.Add(Alone(**page, place), 3 * round.plan.interval);
    } else {
      one.reading = EngineReading::Missing(EngineGap::kFault, WordsOf(page->status()), round.asked);
    }
    all.push_back(std::move(one));
  }
  return CombineAddresses(wanted.signal.demand, all, round.asked);
}

void EndpointScraper::KeepHistories(Endpoint& endpoint) {
  const bool known = endpoint.addresses && endpoint.addresses->ok();
  const Addresses addresses = known ? **endpoint.addresses : Addresses();
  std::erase_if(endpoint.histories, [&](const auto& entry) {
    return std::find(addresses.begin(), addresses.end(), entry.first) == addresses.end();
  });
}

void EndpointScraper::Fail(Endpoint& endpoint, const absl::Status& why, SteadyTime now) {
  const std::string where = endpoint.plan.url.Shown();
  for (auto& [key, reading] : endpoint.latest) {
    reading = EngineReading::Missing(EngineGap::kFault, where + ": " + WordsOf(why), now);
  }
  for (auto& [key, wake] : endpoint.wakes) wake.Fail(where + ": " + WordsOf(why), now);
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
    wake = known->second.latest();
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
