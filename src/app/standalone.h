// SPDX-License-Identifier: Apache-2.0
//
// The role without a subcommand: reads this node's GPUs and answers KEDA, in one process.
#pragma once

#include "app/options.h"

namespace kgs::app {

/// Runs until SIGTERM or SIGINT, which must be blocked in the calling thread before any other
/// thread starts. Returns the exit status. Does not return, but ends the process with that status,
/// when a driver call is stuck: its thread cannot be ended and uses what would be torn down.
int RunStandalone(const Options& options);

}  // namespace kgs::app
