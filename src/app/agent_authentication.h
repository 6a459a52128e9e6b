// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "app/kubernetes_side.h"
#include "base/clock.h"
#include "fleet/agent_identity.h"
#include "kube/token_reviews.h"
#include "telemetry/counters.h"

namespace kgs::app {

/// The audience of the tokens by which agents prove to hubs on which node they are.
inline constexpr char kAgentAudience[] = "keda-gpu-scaler";

/// Tells by their tokens who agents are, with the help of the API server.
class AgentAuthentication {
 public:
  /// \p service_account: NAMESPACE/NAME. \p kubernetes must outlive this, and be stopped before it.
  AgentAuthentication(const std::string& service_account, KubernetesSide& kubernetes,
                      const base::Clock& clock);

  /// As fleet::Authenticate. Any thread.
  void Review(const std::string& token,
              std::function<void(absl::StatusOr<fleet::AgentIdentity>)> on_done);
  const telemetry::TokenReviewCounters& counters() const { return counters_; }

 private:
  telemetry::TokenReviewCounters counters_;
  kube::TokenReviews reviews_;
};

}  // namespace kgs::app
