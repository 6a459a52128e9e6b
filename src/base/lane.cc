// SPDX-License-Identifier: Apache-2.0
#include "base/lane.h"

#include <utility>

#include "base/thread.h"

namespace kgs::base {

Lane::Lane(std::string name)
    : name_(std::move(name)), thread_([name = name_, state = state_] { Run(name, *state); }) {}

Lane::~Lane() { StopUntil(std::chrono::steady_clock::now() + std::chrono::seconds(1)); }

bool Lane::TryRun(std::function<void()> task, std::function<void()> done) {
  {
    MutexLock lock(state_->mutex);
    if (state_->busy || state_->stopping) return false;
    state_->busy = true;
    state_->task = std::move(task);
    state_->done = std::move(done);
  }
  state_->changed.NotifyAll();
  return true;
}

bool Lane::busy() const {
  MutexLock lock(state_->mutex);
  return state_->busy;
}

bool Lane::StopUntil(SteadyTime deadline) {
  if (!thread_.joinable()) return true;
  bool idle = false;
  {
    MutexLock lock(state_->mutex);
    state_->stopping = true;
    state_->changed.NotifyAll();
    while (state_->busy && state_->changed.WaitUntil(state_->mutex, deadline)) {
    }
    idle = !state_->busy;
  }
  if (idle) {
    thread_.join();
  } else {
    thread_.detach();
  }
  return idle;
}

void Lane::Run(const std::string& name, State& state) {
  NameThisThread(name);
  while (true) {
    std::function<void()> task;
    std::function<void()> done;
    {
      MutexLock lock(state.mutex);
      while (!state.task && !state.stopping) state.changed.Wait(state.mutex);
      if (!state.task) return;
      task = std::exchange(state.task, nullptr);
      done = std::exchange(state.done, nullptr);
    }
    task();
    // What the task owns is let go before the lane counts as idle.
    task = nullptr;
    {
      MutexLock lock(state.mutex);
      state.busy = false;
    }
    state.changed.NotifyAll();
    if (done) done();
  }
}

}  // namespace kgs::base
