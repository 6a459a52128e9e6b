// SPDX-License-Identifier: Apache-2.0
//
// Threads that have a name, an owner and a visible pulse.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace kgs::base {

/// Shows the name in ps, top and debuggers. Cut to the kernel's 15 characters.
void NameThisThread(const std::string& name);

/// What /healthz shows of one loop.
struct ThreadHealth {
  std::string name;
  /// Since the loop last came round, or since the call it is in began.
  Duration age;
  /// Older than this the loop counts as stuck.
  Duration limit;
  /// What it is doing, where known: "nvmlDeviceGetPowerUsage". Empty while idle.
  std::string doing;
};

/// Runs a function again and again on a thread of its own, from Start to Stop.
///
/// \p turn does one round of work and returns how long to wait for the next; Wake() ends the wait
/// early. A wait longer than a day is cut to a day. \p turn must not block on anything outside the
/// process: calls that may hang belong on a base::Lane. Start and Stop belong to the owner;
/// Wake and Health may be called from any thread at any time.
class LoopThread {
 public:
  /// \p stuck_after goes into Health().limit, for the reader to judge by.
  LoopThread(std::string name, Duration stuck_after, std::function<Duration()> turn);
  ~LoopThread() { Stop(); }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  /// Once.
  void Start();
  /// Waits for the round that is under way. Harmless when not started or stopped before.
  void Stop();

  void Wake();
  /// Of age 0 while not running.
  ThreadHealth Health(SteadyTime now) const;

 private:
  void Run();

  const std::string name_;
  const Duration stuck_after_;
  const std::function<Duration()> turn_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool running_ KGS_GUARDED_BY(mutex_) = false;
  bool stopping_ KGS_GUARDED_BY(mutex_) = false;
  bool woken_ KGS_GUARDED_BY(mutex_) = false;
  /// While waiting: when the next round is due. While working: when the round began.
  SteadyTime pulse_ KGS_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace kgs::base
