// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/status.h>

#include <memory>

#include "app/stop_request.h"

namespace kgs::app {

/// What a process of one role runs: built by its constructor, set going by Start, taken down by
/// Stop and its destructor.
class RunningRole {
 public:
  virtual ~RunningRole() = default;
  /// What cannot start stops the process.
  virtual absl::Status Start() = 0;
  /// Between a Start that succeeded and Stop; must not block.
  virtual void OnDriverRequest(DriverRequest request) = 0;
  /// Also after a Start that failed. False when a driver call is stuck: its thread cannot be ended
  /// and uses what would be torn down.
  virtual bool Stop() = 0;
};

/// Runs until SIGTERM or SIGINT, which with SIGUSR1 and SIGUSR2 must be blocked in the calling
/// thread before any other thread starts, or until \p stop is told otherwise. Returns the exit
/// status. Does not return, but ends the process with that status, when Stop says that a call is
/// stuck or when stopping takes too long.
int Run(std::unique_ptr<RunningRole> role, StopRequest& stop);

}  // namespace kgs::app
