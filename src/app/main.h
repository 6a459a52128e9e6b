// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kgs::app {

/// The program. Returns its exit status: 0 after SIGTERM or SIGINT, 2 for a wrong flag, 1
/// otherwise.
int Main(int argc, char** argv);

}  // namespace kgs::app
