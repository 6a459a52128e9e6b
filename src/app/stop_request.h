// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>

namespace kgs::app {

/// What an operator asks by a signal: SIGUSR1, SIGUSR2.
enum class DriverRequest {
  /// Let go of the GPU drivers for a time.
  kRelease,
  /// Open them again.
  kReopen,
};

/// Why the process ends: a signal from outside, or a part of ours that gives up.
class StopRequest {
 public:
  /// Blocks SIGTERM, SIGINT, SIGUSR1 and SIGUSR2 in this thread and those it starts. Call before
  /// any other starts.
  static void BlockSignals();

  /// Waits for a signal to end or for GiveUp, and hands on what else is asked meanwhile. Returns
  /// the exit status: 0 for a signal.
  int Wait(const std::function<void(DriverRequest)>& on_driver_request);

  /// Ends the process with \p exit_status. Any thread.
  void GiveUp(int exit_status);

 private:
  std::atomic<int> exit_status_{0};
};

}  // namespace kgs::app
