// SPDX-License-Identifier: Apache-2.0
#include "app/agent_authentication.h"

#include <utility>

#include "app/unix_time.h"

namespace kgs::app {
namespace {

kube::TokenReviewOptions OptionsOf(const std::string& service_account) {
  const size_t slash = service_account.find('/');
  kube::TokenReviewOptions options;
  options.audience = kAgentAudience;
  options.service_account_namespace = service_account.substr(0, slash);
  options.service_account_name = service_account.substr(slash + 1);
  return options;
}

int64_t UnixNowSeconds() { return UnixNow() / 1000; }

}  // namespace

AgentAuthentication::AgentAuthentication(const std::string& service_account,
                                         KubernetesSide& kubernetes, const base::Clock& clock)
    : reviews_(OptionsOf(service_account), kubernetes.transport(), clock, &UnixNowSeconds,
               counters_) {}

void AgentAuthentication::Review(
    const std::string& token, std::function<void(absl::StatusOr<fleet::AgentIdentity>)> on_done) {
  reviews_.Review(token, [on_done = std::move(on_done)](absl::StatusOr<kube::ReviewedToken> found) {
    if (found.ok()) {
      on_done(fleet::AgentIdentity{found->node, found->expires});
    } else {
      on_done(found.status());
    }
  });
}

}  // namespace kgs::app
