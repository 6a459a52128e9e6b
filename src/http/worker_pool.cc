// SPDX-License-Identifier: Apache-2.0
#include "http/worker_pool.h"

#include <utility>

#include "base/thread.h"

namespace kgs::http {

WorkerPool::WorkerPool(const std::string& name, size_t threads, size_t most_waiting)
    : most_waiting_(most_waiting) {
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, thread_name = name + "-" + std::to_string(i)] {
      base::NameThisThread(thread_name);
      Work();
    });
  }
}

void WorkerPool::enqueue(std::function<void()> job) {
  base::MutexLock lock(mutex_);
  while (jobs_.size() >= most_waiting_) changed_.Wait(mutex_);
  jobs_.push_back(std::move(job));
  changed_.NotifyAll();
}

void WorkerPool::shutdown() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::Work() {
  while (true) {
    std::function<void()> job;
    {
      base::MutexLock lock(mutex_);
      while (jobs_.empty() && !stopping_) changed_.Wait(mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    changed_.NotifyAll();
    job();
  }
}

}  // namespace kgs::http
