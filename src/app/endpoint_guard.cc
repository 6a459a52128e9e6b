// SPDX-License-Identifier: Apache-2.0
#include "app/endpoint_guard.h"

#include <absl/status/status.h>
#include <ifaddrs.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "endpoint/url.h"

namespace kgs::app {

using endpoint::Addresses;

absl::StatusOr<Addresses> InterfaceAddresses() {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) {
    return absl::ErrnoToStatus(errno, "the network interfaces' addresses cannot be read");
  }
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(first, &freeifaddrs);
  Addresses addresses;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    if (const auto address = endpoint::IpAddress::From(*one->ifa_addr)) {
      addresses.push_back(*address);
    }
  }
  return addresses;
}

absl::StatusOr<Addresses> ServerAddresses(const std::string& url, const endpoint::LookUp& look_up) {
  const auto parsed = endpoint::ParseUrl(url);
  if (!parsed.ok()) return parsed.status();
  if (parsed->address) return Addresses{*parsed->address};
  return look_up(parsed->host);
}

endpoint::GuardRules RulesOf(const GuardSources& sources, const Addresses& own,
                             const Addresses& api_server) {
  endpoint::GuardRules rules;
  rules.allowed = sources.allowed;
  for (const endpoint::IpAddress& address : own) {
    for (const uint16_t port : sources.own_ports) {
      rules.denied.push_back({address, port, "a port of this scaler's own"});
    }
  }
  // Whatever the port: what else stands on that machine runs the cluster.
  for (const endpoint::IpAddress& address : api_server) {
    rules.denied.push_back({address, std::nullopt, "the API server"});
  }
  rules.owner_namespace = sources.owner_namespace;
  return rules;
}

EndpointGuard::EndpointGuard(GuardSources sources) {
  state_->sources = std::move(sources);
  if (state_->sources.api_server.empty()) state_->api_server = Addresses();
  Publish(*state_);
}

void EndpointGuard::Publish(State& state) {
  endpoint::GuardRules rules = RulesOf(state.sources, state.own.value_or(Addresses()),
                                       state.api_server.value_or(Addresses()));
  if (!state.own || !state.api_server) {
    rules.owner_namespace = [](const endpoint::IpAddress&) {
      return absl::UnavailableError(
          "this scaler's own addresses or those of the API server are not known yet");
    };
  }
  state.guard.Set(std::make_shared<const endpoint::AddressGuard>(std::move(rules)));
}

absl::Status EndpointGuard::Refresh(State& state) {
  absl::Status status;
  if (auto own = state.sources.interfaces(); own.ok()) {
    state.own = *std::move(own);
  } else {
    status = own.status();
  }
  if (!state.sources.api_server.empty()) {
    auto found = ServerAddresses(state.sources.api_server, state.sources.look_up);
    if (found.ok()) {
      state.api_server = *std::move(found);
    } else if (status.ok()) {
      status = found.status();
    }
  }
  state.failed = !status.ok();
  Publish(state);
  return status;
}

absl::Status EndpointGuard::Refresh() { return Refresh(*state_); }

void EndpointGuard::RefreshIfDue(base::SteadyTime now) {
  const base::Duration every = state_->failed ? kRetryEvery : kRefreshEvery;
  if (refreshed_ && now - *refreshed_ < every) return;
  const bool begun = lane_.TryRun([state = state_] {
    const absl::Status status = Refresh(*state);
    const std::string problem(status.message());
    if (problem == state->last_problem) return;
    state->last_problem = problem;
    if (problem.empty()) {
      base::LogInfo("what endpoints are kept from is known again");
    } else {
      base::LogWarn("what endpoints are kept from is not known anew", {{"problem", problem}});
    }
  });
  if (begun) refreshed_ = now;
}

}  // namespace kgs::app
