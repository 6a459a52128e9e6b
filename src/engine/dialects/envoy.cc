// SPDX-License-Identifier: Apache-2.0
//
// Envoy, and the gateways made of it. A cluster without endpoints answers 503 at once: its active
// requests stay 0, and only the counter of connections that found no healthy host moves. With
// ?usedonly a series is made when it is first counted, and Istio leaves out what proxyStatsMatcher
// does not ask for: what is absent may be either.
#include "engine/dialects/all.h"

namespace kgs::engine {
namespace {

Dialect MakeEnvoy() {
  const Term active = Requests({{"envoy_cluster_upstream_rq_active", {}}});
  const Term pending = Requests({{"envoy_cluster_upstream_rq_pending_active", {}}});
  const Term total = Moves({{"envoy_cluster_upstream_rq_total", {}}});
  const Term none_healthy = Moves({{"envoy_cluster_upstream_cx_none_healthy", {}}});
  return {
      .name = "envoy",
      .title = "Envoy",
      .port = 19001,
      .path = "/stats/prometheus",
      .switched_on =
          "on by default; the port is Envoy Gateway's, 15090 of Istio, which needs "
          "proxyStatsMatcher for these",
      .prefixes = {"envoy_"},
      .least_interval = kGatewayInterval,
      .signals =
          {
              RequestsSignal("envoy_demand", {active, pending}, WhenAbsent::kHold,
                             "Requests at the cluster, or waiting for a connection to it"),
              RateSignal("envoy_request_rate", {total}, WhenAbsent::kHold,
                         "Requests to the cluster per second"),
              RateSignal("envoy_cx_none_healthy", {none_healthy}, WhenAbsent::kHold,
                         "Requests per second that found no healthy host in the cluster"),
          },
      .selected_by = {"envoy_cluster_name"},
      .wake = WakeSignal("envoy", {none_healthy}, WhenAbsent::kHold,
                         "A request found no healthy host in the cluster"),
  };
}

}  // namespace

const Dialect& Envoy() {
  static const Dialect kDialect = MakeEnvoy();
  return kDialect;
}

}  // namespace kgs::engine
