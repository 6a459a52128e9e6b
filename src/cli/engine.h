// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace kgs::cli {

/// keda-gpu-scaler engine FILE [--engine NAME] [--format text|json]: prints what a saved metrics
/// page is read as. FILE is - for standard input. Returns the exit status: 0, 1 where the page
/// cannot be read as one engine's, 2 for a wrong argument.
int Engine(const std::vector<std::string>& arguments);

}  // namespace kgs::cli
