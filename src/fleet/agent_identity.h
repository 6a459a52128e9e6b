// SPDX-License-Identifier: Apache-2.0
//
// How an agent proves to a hub which node it is on.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>

#include "base/clock.h"

namespace kgs::fleet {

/// gRPC metadata of an agent's stream: "Bearer TOKEN".
inline constexpr char kTokenHeader[] = "authorization";
inline constexpr char kTokenPrefix[] = "Bearer ";

struct AgentIdentity {
  std::string node;
  /// From then on the proof is none.
  base::SteadyTime expires;
};

/// Finds out whose \p token is; it is empty where the agent sent none. Calls \p on_done once, on
/// any thread, perhaps before it returns. UNAUTHENTICATED: no good token; PERMISSION_DENIED: not
/// one of an agent; UNAVAILABLE: nobody can say at the moment. Messages never show the token. Any
/// thread.
using Authenticate = std::function<void(
    std::string token, std::function<void(absl::StatusOr<AgentIdentity>)> on_done)>;

}  // namespace kgs::fleet
