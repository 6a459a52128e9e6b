// SPDX-License-Identifier: Apache-2.0
#include "scaler/waiting_calls.h"

#include <algorithm>
#include <utility>

namespace kgs::scaler {
namespace {

/// The thread's pulse on /healthz.
constexpr base::Duration kLongestWait = std::chrono::seconds(1);

}  // namespace

WaitingCalls::WaitingCalls(const base::Clock& clock)
    : clock_(clock), thread_("lookups", std::chrono::seconds(10), [this] { return Turn(); }) {}

WaitingCalls::~WaitingCalls() { Stop(); }

void WaitingCalls::Start() { thread_.Start(); }

void WaitingCalls::Stop() {
  thread_.Stop();
  std::vector<Call> left;
  {
    base::MutexLock lock(mutex_);
    stopped_ = true;
    left.swap(calls_);
  }
  for (const Call& call : left) call.attempt(true);
}

bool WaitingCalls::Add(Attempt attempt) {
  {
    base::MutexLock lock(mutex_);
    if (stopped_ || calls_.size() >= kMostWaiting) return false;
    calls_.push_back({std::move(attempt), clock_.Now() + kPatience, false});
  }
  // What it waits for may have come before it was added.
  thread_.Wake();
  return true;
}

void WaitingCalls::Retry() {
  {
    base::MutexLock lock(mutex_);
    retry_ = true;
  }
  thread_.Wake();
}

base::Duration WaitingCalls::Turn() {
  std::vector<Call> calls;
  bool all = false;
  {
    base::MutexLock lock(mutex_);
    calls.swap(calls_);
    all = std::exchange(retry_, false);
  }
  const base::SteadyTime now = clock_.Now();
  std::erase_if(calls, [&](Call& call) {
    const bool last = now >= call.deadline;
    if (call.tried && !all && !last) return false;
    call.tried = true;
    return call.attempt(last);
  });
  base::SteadyTime next = now + kLongestWait;
  for (const Call& call : calls) next = std::min(next, call.deadline);
  base::MutexLock lock(mutex_);
  for (Call& call : calls_) {
    next = std::min(next, call.deadline);
    calls.push_back(std::move(call));
  }
  calls_.swap(calls);
  return next - now;
}

base::ThreadHealth WaitingCalls::Health() const {
  return thread_.Health(std::chrono::steady_clock::now());
}

}  // namespace kgs::scaler
