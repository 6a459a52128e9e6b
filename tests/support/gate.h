// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/mutex.h"

namespace kgs::testing {

/// Holds callers while closed.
class Gate {
 public:
  void Close() {
    base::MutexLock lock(mutex_);
    closed_ = true;
  }
  void Open() {
    {
      base::MutexLock lock(mutex_);
      closed_ = false;
    }
    changed_.NotifyAll();
  }
  void Pass() {
    base::MutexLock lock(mutex_);
    ++waiting_;
    changed_.NotifyAll();
    while (closed_) changed_.Wait(mutex_);
    --waiting_;
  }
  /// Until somebody is held.
  void AwaitHeld() {
    base::MutexLock lock(mutex_);
    while (!(closed_ && waiting_ > 0)) changed_.Wait(mutex_);
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  bool closed_ KGS_GUARDED_BY(mutex_) = false;
  int waiting_ KGS_GUARDED_BY(mutex_) = 0;
};

}  // namespace kgs::testing
