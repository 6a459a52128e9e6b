// SPDX-License-Identifier: Apache-2.0
//
// The role hub: answers KEDA from what the agents of all nodes report. Any number of hubs run side
// by side, each complete in itself.
#pragma once

#include "app/options.h"

namespace kgs::app {

/// As Run in role.h.
int RunHub(const Options& options);

}  // namespace kgs::app
