// SPDX-License-Identifier: Apache-2.0
//
// What a hub adds to the rules of endpoint/address_guard, and keeps up to date: the ports on which
// it listens, on every address of its own; the API server; the pods and Services of other
// namespaces.
//
// What it does not recognise: pods of namespaces that are not watched (those without an object that
// names us, also other replicas of the hub), a dual-stack pod's second address, nodes, the control
// plane at other addresses than ours, and what stands behind a Service of the object's own
// namespace. An endpoint may lead to those; only a NetworkPolicy keeps it from there. It is got by
// GET of the URL's path, and nothing of what is answered but numbers of the asked series comes out.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/lane.h"
#include "base/latest.h"
#include "endpoint/address_guard.h"
#include "endpoint/resolver.h"

namespace kgs::app {

/// Every address of this machine's (or pod's) network interfaces.
absl::StatusOr<endpoint::Addresses> InterfaceAddresses();

/// Where the server at \p url, as kube::Credentials has it, stands now: what \p look_up says of its
/// host, or the address that it is. Fails as \p look_up does; INVALID_ARGUMENT for no URL.
absl::StatusOr<endpoint::Addresses> ServerAddresses(const std::string& url,
                                                    const endpoint::LookUp& look_up);

/// What the rules are made of. All functions: any thread.
struct GuardSources {
  /// --engine-endpoint-allow.
  std::vector<endpoint::Cidr> allowed;
  /// On which this process listens.
  std::vector<uint16_t> own_ports;
  /// As kube::Credentials::server; empty without Kubernetes.
  std::string api_server;
  /// Null without Kubernetes.
  endpoint::OwnerNamespace owner_namespace;
  endpoint::LookUp look_up = &endpoint::LookUpByDns;
  std::function<absl::StatusOr<endpoint::Addresses>()> interfaces = &InterfaceAddresses;
};

/// The rules while those are our and the API server's addresses.
endpoint::GuardRules RulesOf(const GuardSources& sources, const endpoint::Addresses& own,
                             const endpoint::Addresses& api_server);

class EndpointGuard {
 public:
  static constexpr base::Duration kRefreshEvery = std::chrono::seconds(30);
  /// While something could not be found out.
  static constexpr base::Duration kRetryEvery = std::chrono::seconds(5);

  /// What \p sources call to find out addresses must live as long as the process: a resolver that
  /// hangs is left behind.
  explicit EndpointGuard(GuardSources sources);

  /// Finds out what the addresses are now, in the resolver where the API server has a name. An
  /// error says what could not be found out, of which what was known before stays. Blocks.
  absl::Status Refresh();
  /// The same on a thread of its own, where that is due. One caller at a time.
  void RefreshIfDue(base::SteadyTime now);

  /// Any thread; never null. Until our and the API server's addresses have been found out once, all
  /// is refused but what the operator allows.
  std::shared_ptr<const endpoint::AddressGuard> Get() const { return state_->guard.Get(); }

 private:
  struct State {
    GuardSources sources;
    base::Latest<endpoint::AddressGuard> guard;
    std::atomic<bool> failed{false};
    /// Of one Refresh at a time, as the next two. Nothing before they are known.
    std::optional<endpoint::Addresses> own;
    std::optional<endpoint::Addresses> api_server;
    std::string last_problem;
  };
  static absl::Status Refresh(State& state);
  static void Publish(State& state);

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::optional<base::SteadyTime> refreshed_;
  base::Lane lane_{"endpoint-guard"};
};

}  // namespace kgs::app
