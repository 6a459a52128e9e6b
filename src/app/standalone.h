// SPDX-License-Identifier: Apache-2.0
//
// The role without a subcommand: reads this node's GPUs and answers KEDA, in one process.
#pragma once

#include "app/options.h"

namespace kgs::app {

/// As Run in role.h.
int RunStandalone(const Options& options);

}  // namespace kgs::app
