// SPDX-License-Identifier: Apache-2.0
//
// Asks the endpoints that triggers name (a gateway, a Service of engines) for the hub, once an
// interval, and holds what came of it. All addresses that stand behind a name are one source: all
// are asked side by side, and one that is missing, refused or unreadable leaves the whole without a
// value, since the others are not the whole. Each endpoint takes its own time: one that hangs
// delays none of the others.
//
// A name is resolved every 10 s while its addresses answer, sooner when one of them does not, and
// never on the way of a round that has addresses to ask. Every address is judged before each round:
// who has it changes. Each address is taken for a process of its own. One that leaves the name or
// fails to answer may be another when it comes back: its counters begin anew. A lookup that times
// out says nothing of the addresses that are known.
//
// What all share (the fetcher, and the thread that reads pages) is shared out by namespace: whose
// endpoints want more than their share are asked less often, and no other's.
//
// What is to wake a workload (engine/wake.h) is read of the same pages, and by its own rules:
// demand at one address is demand, told as soon as that address has answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "endpoint/address_guard.h"
#include "endpoint/fetcher.h"
#include "endpoint/named_endpoints.h"
#include "endpoint/resolver.h"
#include "model/engine_reading.h"
#include "scraping/endpoint_plan.h"
#include "scraping/endpoint_readings.h"
#include "scraping/page_fetch.h"
#include "scraping/wake_watch.h"
#include "telemetry/counters.h"

namespace kgs::scraping {

/// What came of one query to one endpoint.
struct EndpointReading {
  model::EngineReading reading;
  /// An older reading is no longer fresh, value or not.
  base::Duration max_age{};
};

class EndpointScraper {
 public:
  /// endpoint::Resolver::Resolve, in the tests' place for it. Any thread; calls back on another.
  using Resolve = std::function<void(endpoint::ResolveRequest, endpoint::Resolver::OnAddresses)>;

  struct Parts {
    /// This and the resolver must call nothing any more when the scraper ends, and outlive it.
    endpoint::Fetcher& fetcher;
    Resolve resolve;
    /// Who judges from now on; never null. Any thread.
    std::function<std::shared_ptr<const endpoint::AddressGuard>()> guard;
    /// Their files are read before each use, on the scraper's thread: they are the operator's own.
    /// What is the matter with them is logged once, when it changes.
    const endpoint::NamedEndpoints& credentials;
    const base::Clock& clock;
    /// The time of the wall clock in milliseconds.
    std::function<int64_t()> unix_now;
    telemetry::EndpointCounters& counters;
    /// Called when a query that wakes shows demand that it did not show before, on the fetcher's
    /// thread and without a lock. Null where nobody wants to know.
    std::function<void()> on_demand = nullptr;
  };
  explicit EndpointScraper(Parts parts);

  /// Until then Turn may be called by hand.
  void Start() { thread_.Start(); }
  void Stop() { thread_.Stop(); }

  // Any thread.

  /// What to ask from now on. An endpoint that was not asked before is first asked within the next
  /// second, at a moment of its own. What was read of one that is no longer wanted is kept a while,
  /// then forgotten. One caller at a time; what has not changed costs little.
  void SetTargets(const std::vector<EndpointTarget>& targets);

  /// What the last round said. Nothing where it is not wanted; no value yet where no round has
  /// ended. Words do not change from poll to poll, and have nothing of a page, nor of the URL's
  /// query.
  std::optional<EndpointReading> Latest(const EndpointKey& endpoint,
                                        const std::string& query_key) const;

  /// The same of a query that wakes ("epp_wake"), which Latest does not know, nor this any other.
  std::optional<EndpointWake> LatestWake(const EndpointKey& endpoint,
                                         const std::string& query_key) const;

  /// Endpoints that are asked.
  size_t targets() const;
  base::ThreadHealth Health() const;

  /// Resolves and asks what is due. Returns the wait until the next is.
  base::Duration Turn();

  static constexpr base::Duration kResolveEvery = std::chrono::seconds(10);
  /// When an address failed.
  static constexpr base::Duration kResolveSoonest = std::chrono::seconds(2);
  /// For so long the addresses are asked that a name had before its lookups began to time out.
  static constexpr base::Duration kAddressesKept = std::chrono::seconds(60);

  // So that the endpoints of one namespace harm no other's.

  static constexpr size_t kMostPagesUnderWay = 128;
  static constexpr size_t kMostBytesASecond = size_t{16} << 20;
  /// Of series that grow.
  static constexpr size_t kMostKeptBytes = size_t{64} << 20;

 private:
  using IpAddress = endpoint::IpAddress;

  /// All addresses of an endpoint, asked at one moment.
  struct Round {
    EndpointPlan plan;
    base::SteadyTime asked;
    endpoint::Addresses addresses;
    /// Those that have been away since the last round.
    endpoint::Addresses left;
    bool wakes_anew = false;
    /// The endpoint's own. One round at a time is under way, and uses it alone.
    std::shared_ptr<EndpointReadings> readings;

    // Of the fetcher's thread.

    size_t answered = 0;
    size_t bytes = 0;
  };
  struct Endpoint {
    /// Of no use while it is not wanted.
    EndpointPlan plan;
    bool wanted = false;
    /// Since when it is not.
    base::SteadyTime unwanted_since;
    base::SteadyTime due;
    /// What stands behind the name, or why nothing does. Nothing before the first answer.
    std::optional<absl::StatusOr<endpoint::Addresses>> addresses;
    /// When it was last asked for, and when it was last told.
    base::SteadyTime resolved;
    base::SteadyTime told;
    /// Addresses that have been away since the last round.
    endpoint::Addresses left;
    /// It was not wanted for a while: what moved meanwhile was nobody's.
    bool wakes_anew = false;
    bool resolving = false;
    /// An address failed since the last answer.
    bool suspect = false;
    /// Null while none is under way.
    std::shared_ptr<Round> round;
    std::shared_ptr<EndpointReadings> readings = std::make_shared<EndpointReadings>();
    /// About what they keep.
    size_t kept_bytes = 0;
    // What is told, by query key.
    std::map<std::string, model::EngineReading> latest;
    WakesByKey wakes;

    bool idle() const { return round == nullptr && !resolving; }
  };
  /// What the endpoints of one namespace's objects may take of what all share.
  struct Share {
    size_t pages_under_way = 0;
    /// No page is asked for before: those that were had so many bytes.
    base::SteadyTime paid_until;
  };
  /// What a turn has found to do, done without the lock.
  struct Work {
    std::vector<std::pair<EndpointKey, EndpointPlan>> lookups;
    std::vector<std::pair<EndpointKey, std::shared_ptr<Round>>> rounds;
  };

  void TakePlan(const EndpointKey& key, EndpointPlan plan, base::SteadyTime now)
      KGS_REQUIRES(mutex_);
  /// When \p endpoint wants attention next.
  base::SteadyTime Plan(const EndpointKey& key, Endpoint& endpoint, base::SteadyTime now,
                        Work& work) KGS_REQUIRES(mutex_);
  void LookUp(const EndpointKey& key, const EndpointPlan& plan);
  void Ask(const EndpointKey& key, const std::shared_ptr<Round>& round);
  absl::StatusOr<endpoint::Credential> CredentialOf(const EndpointPlan& plan);
  /// On the resolver's thread.
  void OnAddresses(const EndpointKey& key, const absl::StatusOr<endpoint::Addresses>& addresses);
  static void TakeAddresses(Endpoint& endpoint,
                            const absl::StatusOr<endpoint::Addresses>& addresses);
  // On the fetcher's thread.

  void OnPage(const EndpointKey& key, const std::shared_ptr<Round>& round, const IpAddress& address,
              const FetchedPage& fetched);
  void EndRound(const EndpointKey& key, const std::shared_ptr<Round>& round);

  /// Whether the namespace of \p endpoint may ask for so many pages now; else when, at the soonest.
  std::optional<base::SteadyTime> WaitsUntil(const Endpoint& endpoint, size_t pages,
                                             base::SteadyTime now) KGS_REQUIRES(mutex_);
  /// Shows of \p outcome what is wanted.
  static void Publish(Endpoint& endpoint, EndpointReadings::Outcome outcome);
  /// No query has a value, and why.
  static void Fail(Endpoint& endpoint, const absl::Status& why, base::SteadyTime now);

  const Parts parts_;
  /// By named endpoint: what the log said last of its files. Within Turn only.
  std::map<std::string, std::string> credential_problems_;
  mutable base::Mutex mutex_;
  std::map<EndpointKey, Endpoint> endpoints_ KGS_GUARDED_BY(mutex_);
  /// By namespace.
  std::map<std::string, Share> shares_ KGS_GUARDED_BY(mutex_);
  /// What is asked.
  std::vector<EndpointTarget> targets_ KGS_GUARDED_BY(mutex_);
  base::LoopThread thread_;
};

}  // namespace kgs::scraping
