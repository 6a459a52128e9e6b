// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"

namespace kgs::base {

/// A thread for calls that may never return. It holds at most one task; whoever hands out the work
/// stays free and sees that the lane is busy.
///
/// Owned and used by one thread. A task must own all that it touches (shared_ptr), since a stuck
/// lane outlives its owner.
class Lane {
 public:
  explicit Lane(std::string name);
  /// Gives a running task a second to return, then leaves its thread behind.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// False, and nothing done, while an earlier task is still running. \p done is called on the
  /// lane's thread when \p task has returned and the lane is no longer busy.
  bool TryRun(std::function<void()> task, std::function<void()> done = nullptr);
  bool busy() const;
  const std::string& name() const { return name_; }

  /// Ends the thread when its task is done, waiting until \p deadline at the latest. False: the
  /// task is stuck and its thread is left behind. No TryRun afterwards.
  bool StopUntil(SteadyTime deadline);

 private:
  struct State {
    Mutex mutex;
    CondVar changed;
    std::function<void()> task KGS_GUARDED_BY(mutex);
    std::function<void()> done KGS_GUARDED_BY(mutex);
    bool busy KGS_GUARDED_BY(mutex) = false;
    bool stopping KGS_GUARDED_BY(mutex) = false;
  };

  static void Run(const std::string& name, State& state);

  const std::string name_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;
};

}  // namespace kgs::base
