// SPDX-License-Identifier: Apache-2.0
#include "endpoint/resolver.h"

#include <absl/status/status.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "base/lane.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace kgs::endpoint {
namespace {

constexpr base::Duration kStuckAfter = std::chrono::seconds(10);
/// All lookups are done within it, but those that hang.
constexpr base::Duration kStopPatience = std::chrono::milliseconds(300);

struct Asker {
  ResolveRequest request;
  Resolver::OnAddresses on_addresses;
  base::SteadyTime deadline;
};

struct Answer {
  std::string host;
  absl::StatusOr<Addresses> found;
};

/// What lookups reach of their resolver. Outlives it where one hangs.
struct Shared {
  base::Mutex mutex;
  std::vector<Answer> answers KGS_GUARDED_BY(mutex);
  std::function<void()> wake KGS_GUARDED_BY(mutex);
};

}  // namespace

class Resolver::Loop {
 public:
  Loop(LookUp look_up, const base::Clock& clock, Limits limits);
  ~Loop() { Stop(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void Start() { thread_.Start(); }
  void Stop();
  void Resolve(ResolveRequest request, OnAddresses on_addresses);
  void Wake() { thread_.Wake(); }
  base::ThreadHealth Health() const { return thread_.Health(clock_.Now()); }

 private:
  struct Lookup {
    /// Whose lane it has.
    std::string object_namespace;
    base::SteadyTime begun;
  };
  struct Name {
    /// Of who asked for it first.
    std::string object_namespace;
    std::vector<Asker> askers;
    /// Where it is being looked up.
    std::optional<Lookup> lookup;
  };

  base::Duration Turn();
  void TakeNew();
  void Add(Asker asker);
  absl::Status CheckRoom(const ResolveRequest& request) const;
  void Queue(const std::string& host);
  void TakeAnswers();
  void EndLookup(const std::string& host, const Lookup& lookup);
  void ExpireOverdue(base::SteadyTime now);
  void HandOut();
  std::optional<std::string> NextToLookUp(base::SteadyTime now);
  std::optional<std::string> WithoutLane(const std::vector<Asker>& askers) const;
  std::optional<base::SteadyTime> NextDeadline() const;
  static void Tell(const Asker& asker, const absl::StatusOr<Addresses>& found);

  const LookUp look_up_;
  const base::Clock& clock_;
  const Limits limits_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  /// The loop's: names that somebody waits for, or that are being looked up.
  std::map<std::string, Name> names_;
  /// Those of names_ that no lane has had: those that hung behind the others, else oldest first.
  std::deque<std::string> queue_;
  /// Names whose last lookup took longer than anybody waits; at most as many as are waited for.
  std::set<std::string> hung_;
  /// Namespaces that have a lane.
  std::set<std::string> served_;
  std::vector<std::unique_ptr<base::Lane>> lanes_;
  base::Mutex mutex_;
  bool stopped_ KGS_GUARDED_BY(mutex_) = false;
  std::vector<Asker> new_ KGS_GUARDED_BY(mutex_);
  /// Last: its thread uses all of the above.
  base::LoopThread thread_;
};

Resolver::Loop::Loop(LookUp look_up, const base::Clock& clock, Limits limits)
    : look_up_(std::move(look_up)),
      clock_(clock),
      limits_(limits),
      thread_("endpoint-names", kStuckAfter, [this] { return Turn(); }) {
  for (size_t i = 0; i < limits_.lookups; ++i) {
    lanes_.push_back(std::make_unique<base::Lane>("lookup-" + std::to_string(i)));
  }
  base::MutexLock lock(shared_->mutex);
  shared_->wake = [this] { thread_.Wake(); };
}

void Resolver::Loop::Stop() {
  thread_.Stop();
  {
    base::MutexLock lock(mutex_);
    stopped_ = true;
    new_.clear();
  }
  {
    base::MutexLock lock(shared_->mutex);
    shared_->wake = nullptr;
  }
  const base::SteadyTime until = std::chrono::steady_clock::now() + kStopPatience;
  for (const auto& lane : lanes_) lane->StopUntil(until);
}

void Resolver::Loop::Resolve(ResolveRequest request, OnAddresses on_addresses) {
  {
    base::MutexLock lock(mutex_);
    if (stopped_) return;
    new_.push_back({std::move(request), std::move(on_addresses), clock_.Now() + limits_.deadline});
  }
  thread_.Wake();
}

base::Duration Resolver::Loop::Turn() {
  TakeNew();
  TakeAnswers();
  ExpireOverdue(clock_.Now());
  HandOut();
  const auto next = NextDeadline();
  return next ? *next - clock_.Now() : base::Duration::max();
}

void Resolver::Loop::TakeNew() {
  std::vector<Asker> askers;
  {
    base::MutexLock lock(mutex_);
    askers.swap(new_);
  }
  for (Asker& asker : askers) Add(std::move(asker));
}

void Resolver::Loop::Add(Asker asker) {
  const Url& url = asker.request.url;
  if (url.address) {
    Tell(asker, Addresses{*url.address});
    return;
  }
  // What the operator allows is known of addresses alone.
  if (asker.request.guard->allows_none()) {
    if (const absl::Status judged = JudgeName(asker.request); !judged.ok()) {
      Tell(asker, judged);
      return;
    }
  }
  const std::string host = url.host;
  if (!names_.contains(host)) {
    if (const absl::Status full = CheckRoom(asker.request); !full.ok()) {
      Tell(asker, full);
      return;
    }
    names_[host].object_namespace = asker.request.object_namespace;
    Queue(host);
  }
  names_[host].askers.push_back(std::move(asker));
}

absl::Status Resolver::Loop::CheckRoom(const ResolveRequest& request) const {
  const auto full = [&request](size_t most, const std::string& what) {
    return absl::ResourceExhaustedError("host " + ShownHost(request.url.host) + ": more than " +
                                        std::to_string(most) + what + " are being resolved");
  };
  if (names_.size() >= limits_.names) return full(limits_.names, " names");
  const auto of_namespace = std::count_if(names_.begin(), names_.end(), [&](const auto& name) {
    return name.second.object_namespace == request.object_namespace;
  });
  if (static_cast<size_t>(of_namespace) < limits_.names_of_namespace) return absl::OkStatus();
  return full(limits_.names_of_namespace, " names of its namespace");
}

void Resolver::Loop::Queue(const std::string& host) {
  const auto hung = [this](const std::string& name) { return hung_.contains(name); };
  const auto place = hung(host) ? queue_.end() : std::find_if(queue_.begin(), queue_.end(), hung);
  queue_.insert(place, host);
}

void Resolver::Loop::TakeAnswers() {
  std::vector<Answer> answers;
  {
    base::MutexLock lock(shared_->mutex);
    answers.swap(shared_->answers);
  }
  for (const Answer& answer : answers) {
    const auto found = names_.find(answer.host);
    if (found == names_.end()) continue;
    const Name name = std::move(found->second);
    names_.erase(found);
    EndLookup(answer.host, *name.lookup);
    for (const Asker& asker : name.askers) Tell(asker, answer.found);
  }
}

void Resolver::Loop::EndLookup(const std::string& host, const Lookup& lookup) {
  served_.erase(lookup.object_namespace);
  if (clock_.Now() - lookup.begun < limits_.deadline) {
    hung_.erase(host);
    return;
  }
  // Any of them makes room: it only loses its place at the end.
  if (hung_.size() >= limits_.names) hung_.erase(hung_.begin());
  hung_.insert(host);
}

void Resolver::Loop::ExpireOverdue(base::SteadyTime now) {
  std::vector<Asker> overdue;
  for (auto name = names_.begin(); name != names_.end();) {
    std::vector<Asker> waiting;
    for (Asker& asker : name->second.askers) {
      (asker.deadline <= now ? overdue : waiting).push_back(std::move(asker));
    }
    name->second.askers = std::move(waiting);
    // One that is being looked up stays, so that it is not looked up once more beside that.
    if (!name->second.askers.empty() || name->second.lookup) {
      ++name;
      continue;
    }
    std::erase(queue_, name->first);
    name = names_.erase(name);
  }
  for (const Asker& asker : overdue) {
    Tell(asker, absl::DeadlineExceededError("host " + ShownHost(asker.request.url.host) +
                                            " was not resolved within " +
                                            base::FormatDuration(limits_.deadline)));
  }
}

void Resolver::Loop::HandOut() {
  for (const auto& lane : lanes_) {
    if (lane->busy()) continue;
    const std::optional<std::string> next = NextToLookUp(clock_.Now());
    if (!next) return;
    const auto ask = [shared = shared_, look_up = look_up_, host = *next] {
      absl::StatusOr<Addresses> found = look_up(host);
      base::MutexLock lock(shared->mutex);
      shared->answers.push_back({host, std::move(found)});
    };
    // Under the lock, so that Stop can wait for it: what it wakes may be gone afterwards.
    const auto tell = [shared = shared_] {
      base::MutexLock lock(shared->mutex);
      if (shared->wake) shared->wake();
    };
    lane->TryRun(ask, tell);
  }
}

/// The first in the queue that may have a lane, which it has from then on.
std::optional<std::string> Resolver::Loop::NextToLookUp(base::SteadyTime now) {
  for (auto host = queue_.begin(); host != queue_.end(); ++host) {
    Name& name = names_.at(*host);
    const std::optional<std::string> payer = WithoutLane(name.askers);
    if (!payer) continue;
    name.lookup = Lookup{*payer, now};
    served_.insert(*payer);
    const std::string next = *host;
    queue_.erase(host);
    return next;
  }
  return std::nullopt;
}

/// The first namespace of \p askers that has no lane. Any may give its own: nobody waits for the
/// lane of another tenant because that asked for the same name before.
std::optional<std::string> Resolver::Loop::WithoutLane(const std::vector<Asker>& askers) const {
  for (const Asker& asker : askers) {
    if (!served_.contains(asker.request.object_namespace)) return asker.request.object_namespace;
  }
  return std::nullopt;
}

std::optional<base::SteadyTime> Resolver::Loop::NextDeadline() const {
  std::optional<base::SteadyTime> next;
  for (const auto& [host, name] : names_) {
    for (const Asker& asker : name.askers) {
      if (!next || asker.deadline < *next) next = asker.deadline;
    }
  }
  return next;
}

void Resolver::Loop::Tell(const Asker& asker, const absl::StatusOr<Addresses>& found) {
  if (!found.ok()) {
    asker.on_addresses(found.status());
    return;
  }
  const Addresses addresses = OneFamily(*found);
  if (addresses.size() > kMostAddresses) {
    asker.on_addresses(absl::ResourceExhaustedError(
        "host " + ShownHost(asker.request.url.host) + " has more than " +
        std::to_string(kMostAddresses) +
        " addresses, the most that one endpoint may have; split it, or leave the endpoint out so "
        "that each pod is asked"));
    return;
  }
  // Of either family: one that is refused refuses the name, whichever is used.
  if (absl::Status judged = JudgeAll(*found, asker.request); !judged.ok()) {
    asker.on_addresses(judged);
    return;
  }
  if (addresses.empty()) {
    asker.on_addresses(
        absl::UnavailableError(ShownHost(asker.request.url.host) + " has no address"));
    return;
  }
  asker.on_addresses(addresses);
}

Resolver::Resolver(LookUp look_up, const base::Clock& clock, Limits limits)
    : loop_(std::make_unique<Loop>(std::move(look_up), clock, limits)) {}

Resolver::~Resolver() = default;

void Resolver::Start() { loop_->Start(); }
void Resolver::Stop() { loop_->Stop(); }
void Resolver::Wake() { loop_->Wake(); }
base::ThreadHealth Resolver::Health() const { return loop_->Health(); }

void Resolver::Resolve(ResolveRequest request, OnAddresses on_addresses) {
  loop_->Resolve(std::move(request), std::move(on_addresses));
}

}  // namespace kgs::endpoint
