// SPDX-License-Identifier: Apache-2.0
//
// The hand-over of immutable snapshots between threads: one writer swaps a pointer, readers copy
// it.
#pragma once

#include <memory>
#include <utility>

#include "base/mutex.h"

namespace kgs::base {

/// Holds the latest value of a thing that is replaced whole. All members may be called from any
/// thread; the lock is held for a pointer copy only. (Not std::atomic<std::shared_ptr>: that of
/// libstdc++ 12 is reported by ThreadSanitizer.)
template <typename T>
class Latest {
 public:
  /// Null until the first Set.
  std::shared_ptr<const T> Get() const {
    MutexLock lock(mutex_);
    return value_;
  }

  void Set(std::shared_ptr<const T> value) {
    {
      MutexLock lock(mutex_);
      value_.swap(value);
    }
    // The old value is freed here, outside the lock.
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const T> value_ KGS_GUARDED_BY(mutex_);
};

}  // namespace kgs::base
