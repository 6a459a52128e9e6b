// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/status.h>

#include "fleet.pb.h"

namespace kgs::fleet {

/// Whether an agent names itself as it must: the node as Kubernetes names one (an RFC 1123
/// subdomain), a boot id of 1 to 64 printable characters, a version of at most 64. Else
/// INVALID_ARGUMENT, saying what is wrong.
absl::Status CheckHello(const kedagpuscaler::fleet::v1::Hello& hello);

}  // namespace kgs::fleet
