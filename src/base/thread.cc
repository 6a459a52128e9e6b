// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace kgs::base {

namespace {

constexpr Duration kLongestWait = std::chrono::hours(24);

}  // namespace

void NameThisThread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

LoopThread::LoopThread(std::string name, Duration stuck_after, std::function<Duration()> turn)
    : name_(std::move(name)), stuck_after_(stuck_after), turn_(std::move(turn)) {}

void LoopThread::Start() {
  {
    MutexLock lock(mutex_);
    running_ = true;
    pulse_ = std::chrono::steady_clock::now();
  }
  thread_ = std::thread([this] { Run(); });
}

void LoopThread::Stop() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
  MutexLock lock(mutex_);
  running_ = false;
}

void LoopThread::Wake() {
  {
    MutexLock lock(mutex_);
    woken_ = true;
  }
  changed_.NotifyAll();
}

ThreadHealth LoopThread::Health(SteadyTime now) const {
  MutexLock lock(mutex_);
  const bool overdue = running_ && now > pulse_;
  return {name_, overdue ? now - pulse_ : Duration::zero(), stuck_after_, ""};
}

void LoopThread::Run() {
  NameThisThread(name_);
  while (true) {
    // Bounded, so that a turn may ask for Duration::max(): wait until woken.
    const Duration wait = std::clamp(turn_(), Duration::zero(), kLongestWait);
    MutexLock lock(mutex_);
    pulse_ = std::chrono::steady_clock::now() + wait;
    while (!stopping_ && !woken_ && changed_.WaitUntil(mutex_, pulse_)) {
    }
    if (stopping_) return;
    woken_ = false;
    pulse_ = std::chrono::steady_clock::now();
  }
}

}  // namespace kgs::base
