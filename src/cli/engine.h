// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace kgs::cli {

/// keda-gpu-scaler engine URL|FILE [flags]: prints what the metrics page of an engine is read as.
/// FILE is - for standard input. Returns the exit status: 0, 1 where a page cannot be had or be
/// read as one engine's, 2 for a wrong argument.
int Engine(const std::vector<std::string>& arguments);

}  // namespace kgs::cli
