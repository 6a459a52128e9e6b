// SPDX-License-Identifier: Apache-2.0
#include "endpoint/resolver.h"

#include <absl/status/status.h>

#include <deque>
#include <map>
#include <optional>

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
  struct Name {
    std::vector<Asker> askers;
    bool looked_up = false;
  };

  base::Duration Turn();
  void TakeNew();
  void Add(Asker asker);
  void TakeAnswers();
  void ExpireOverdue(base::SteadyTime now);
  void HandOut();
  std::optional<base::SteadyTime> NextDeadline() const;
  static void Tell(const Asker& asker, const absl::StatusOr<Addresses>& found);

  const LookUp look_up_;
  const base::Clock& clock_;
  const Limits limits_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  /// The loop's: names that somebody waits for, or that are being looked up.
  std::map<std::string, Name> names_;
  /// Those of names_ that no lane has had, oldest first.
  std::deque<std::string> queue_;
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
  const std::string host = url.host;
  if (!names_.contains(host)) {
    if (names_.size() >= limits_.names) {
      Tell(asker, absl::ResourceExhaustedError("host " + host + ": more than " +
                                               std::to_string(limits_.names) +
                                               " names are being resolved"));
      return;
    }
    queue_.push_back(host);
  }
  names_[host].askers.push_back(std::move(asker));
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
    const std::vector<Asker> askers = std::move(found->second.askers);
    names_.erase(found);
    for (const Asker& asker : askers) Tell(asker, answer.found);
  }
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
    if (!name->second.askers.empty() || name->second.looked_up) {
      ++name;
      continue;
    }
    std::erase(queue_, name->first);
    name = names_.erase(name);
  }
  for (const Asker& asker : overdue) {
    Tell(asker, absl::DeadlineExceededError("host " + asker.request.url.host +
                                            " was not resolved within " +
                                            base::FormatDuration(limits_.deadline)));
  }
}

void Resolver::Loop::HandOut() {
  for (const auto& lane : lanes_) {
    if (queue_.empty()) return;
    if (lane->busy()) continue;
    const std::string host = queue_.front();
    queue_.pop_front();
    names_[host].looked_up = true;
    const auto ask = [shared = shared_, look_up = look_up_, host] {
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
  // Of either family: one that is refused refuses the name, whichever is used.
  if (absl::Status judged = JudgeAll(*found, asker.request); !judged.ok()) {
    asker.on_addresses(judged);
    return;
  }
  const Addresses addresses = OneFamily(*found);
  if (addresses.empty()) {
    asker.on_addresses(absl::UnavailableError(asker.request.url.host + " has no address"));
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
