// SPDX-License-Identifier: Apache-2.0
//
// std::mutex and std::condition_variable with clang's thread-safety annotations, so that a member
// marked KGS_GUARDED_BY cannot be touched without its mutex (clang builds fail on a breach).
// The standard types rather than absl::Mutex: packaged abseil is not built for ThreadSanitizer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define KGS_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define KGS_THREAD_ANNOTATION(x)
#endif

#define KGS_CAPABILITY(x) KGS_THREAD_ANNOTATION(capability(x))
#define KGS_SCOPED_CAPABILITY KGS_THREAD_ANNOTATION(scoped_lockable)
#define KGS_GUARDED_BY(x) KGS_THREAD_ANNOTATION(guarded_by(x))
#define KGS_REQUIRES(...) KGS_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define KGS_EXCLUDES(...) KGS_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define KGS_ACQUIRE(...) KGS_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define KGS_RELEASE(...) KGS_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define KGS_NO_THREAD_SAFETY_ANALYSIS KGS_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace kgs::base {

class KGS_CAPABILITY("mutex") Mutex {
 public:
  void Lock() KGS_ACQUIRE() { mutex_.lock(); }
  void Unlock() KGS_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class KGS_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) KGS_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() KGS_RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Waits return early for no reason at times: call them in a loop over the condition.
class CondVar {
 public:
  void Wait(Mutex& mutex) KGS_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }

  /// False when \p deadline passed.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline) KGS_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool in_time = condition_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }

  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace kgs::base
