// SPDX-License-Identifier: Apache-2.0
//
// The interceptor of KEDA's HTTP add-on, which holds requests while their workload starts. Its
// admin port tells of every route in JSON, also of those without requests (queue_counts.h), and
// that is read as the series of the same facts on its Prometheus page. Each interceptor counts its
// own requests: they add up over the addresses behind its Service. A route that is not there is one
// that it does not know.
#include "engine/dialects/all.h"

namespace kgs::engine {
namespace {

Dialect MakeKedaHttp() {
  const Term concurrency = Requests({{"interceptor_request_concurrency", {}}});
  const Term count = Moves({{"interceptor_request_count_total", {}}});
  return {
      .name = "keda_http",
      .title = "KEDA HTTP add-on",
      .port = 9090,
      .path = "/queue",
      .switched_on = "on by default, at every interceptor's admin port",
      .prefixes = {"interceptor_"},
      .least_interval = kGatewayInterval,
      .signals =
          {
              RequestsSignal("keda_http_concurrency", {concurrency}, WhenAbsent::kError,
                             "Requests of a route that wait or are under way"),
              RateSignal("keda_http_request_rate", {count}, WhenAbsent::kError,
                         "Requests of a route per second"),
          },
      .selected_by = {"route_namespace", "route_name"},
      .queue_counts = true,
      .wake = WakeSignal("keda_http", {concurrency, count}, WhenAbsent::kError,
                         "A request of the route waits or is under way, or one was"),
  };
}

}  // namespace

const Dialect& KedaHttp() {
  static const Dialect kDialect = MakeKedaHttp();
  return kDialect;
}

}  // namespace kgs::engine
