// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "base/mutex.h"

namespace kgs::testing {

/// Stands still until told to move. Any thread.
class FakeClock final : public base::Clock {
 public:
  base::SteadyTime Now() const override {
    base::MutexLock lock(mutex_);
    return now_;
  }
  void Advance(base::Duration by) {
    base::MutexLock lock(mutex_);
    now_ += by;
  }

 private:
  mutable base::Mutex mutex_;
  /// Not the epoch, so that a time nobody set is told from the first one.
  base::SteadyTime now_ KGS_GUARDED_BY(mutex_) = base::SteadyTime(std::chrono::hours(1));
};

}  // namespace kgs::testing
