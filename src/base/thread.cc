// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include <pthread.h>

#include <utility>

namespace kgs::base {

void NameThisThread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

LoopThread::LoopThread(std::string name, Duration stuck_after, std::function<Duration()> turn)
    : name_(std::move(name)),
      stuck_after_(stuck_after),
      turn_(std::move(turn)),
      pulse_(std::chrono::steady_clock::now()),
      thread_([this] { Run(); }) {}

LoopThread::~LoopThread() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
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
  return {name_, now > pulse_ ? now - pulse_ : Duration::zero(), stuck_after_, ""};
}

void LoopThread::Run() {
  NameThisThread(name_);
  while (true) {
    const Duration wait = turn_();
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
