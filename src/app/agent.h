// SPDX-License-Identifier: Apache-2.0
//
// The role agent: reads this node's GPUs, maps them to pods and reports to every hub.
#pragma once

#include "app/options.h"

namespace kgs::app {

/// As Run in role.h.
int RunAgent(const Options& options);

}  // namespace kgs::app
