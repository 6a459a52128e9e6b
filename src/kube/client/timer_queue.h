// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/clock.h"

namespace kgs::kube {

/// Functions by the time at which they are to be called. Not thread-safe.
class TimerQueue {
 public:
  using Key = std::pair<base::SteadyTime, uint64_t>;

  Key Add(base::SteadyTime due, std::function<void()> call) {
    const Key key{due, next_++};
    timers_.emplace(key, std::move(call));
    return key;
  }

  /// Harmless after the call.
  void Cancel(const Key& key) { timers_.erase(key); }

  std::optional<base::SteadyTime> next_due() const {
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->first.first;
  }

  /// Calls what is due by \p now, in the order of time. What these calls add waits for the next
  /// run, so that a run ends.
  void Run(base::SteadyTime now) {
    const uint64_t end = next_;
    auto timer = timers_.begin();
    while (timer != timers_.end() && timer->first.first <= now) {
      if (timer->first.second >= end) {
        ++timer;
        continue;
      }
      const Key key = timer->first;
      // Out of the queue first: the call may cancel itself and others.
      const std::function<void()> call = std::move(timer->second);
      timers_.erase(timer);
      call();
      timer = timers_.upper_bound(key);
    }
  }

  void Clear() {
    // Out of the queue first: what a function holds may cancel others as it goes.
    const auto timers = std::exchange(timers_, {});
  }

 private:
  uint64_t next_ = 0;
  std::map<Key, std::function<void()>> timers_;
};

}  // namespace kgs::kube
