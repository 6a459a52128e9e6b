// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace kgs::cli {

/// keda-gpu-scaler ask [FLAGS] [HOST:PORT] [KEY=VALUE ...]: asks a running scaler what KEDA would,
/// with that trigger metadata, and prints what KEDA would get. Returns the exit status: 0, 1 where
/// the scaler answered an error or not at all, 2 for a wrong argument.
int Ask(const std::vector<std::string>& arguments);

}  // namespace kgs::cli
