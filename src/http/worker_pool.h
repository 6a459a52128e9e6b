// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <httplib.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace kgs::http {

/// The threads of a server, as cpp-httplib's own pool, but named and with a bounded queue: while it
/// is full, connections wait in the kernel's backlog, and further ones are refused there.
class WorkerPool final : public httplib::TaskQueue {
 public:
  WorkerPool(const std::string& name, size_t threads, size_t most_waiting);

  /// Waits for room. \p job must end in bounded time.
  void enqueue(std::function<void()> job) override;
  /// Waits until all jobs are done.
  void shutdown() override;

 private:
  void Work();

  const size_t most_waiting_;
  base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<std::function<void()>> jobs_ KGS_GUARDED_BY(mutex_);
  bool stopping_ KGS_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace kgs::http
