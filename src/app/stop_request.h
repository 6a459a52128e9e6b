// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace kgs::app {

/// Why the process ends: a signal from outside, or a part of ours that gives up.
class StopRequest {
 public:
  /// Blocks SIGTERM and SIGINT in this thread and those it starts. Call before any other starts.
  static void BlockSignals();

  /// Waits for a signal or for GiveUp. Returns the exit status: 0 for a signal.
  int Wait();

  /// Ends the process with \p exit_status. Any thread.
  void GiveUp(int exit_status);

 private:
  std::atomic<int> exit_status_{0};
};

}  // namespace kgs::app
