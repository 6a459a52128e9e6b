// SPDX-License-Identifier: Apache-2.0
//
// NVIDIA Dynamo's frontend, with one series for each model. Queued means accepted and without a
// first token yet, so a healthy frontend is above 0; in flight means accepted and not done, and
// includes the queued ones: they are never added. Series appear with the first request: what is
// absent before it is 0. The time to the first token has no series before the first token.
#include "engine/dialects/all.h"

namespace kgs::engine {
namespace {

Dialect MakeDynamo() {
  const Term queued = Requests({{"dynamo_frontend_queued_requests", {}}});
  const Term in_flight = Requests({{"dynamo_frontend_inflight_requests", {}}});
  const Term first_token = P95Milliseconds({{"dynamo_frontend_time_to_first_token_seconds", {}}});
  return {
      .name = "dynamo",
      .title = "Dynamo frontend",
      .port = 8000,
      .switched_on =
          "on by default, under the frontend's own prefix unless DYN_METRICS_PREFIX is set",
      .prefixes = {"dynamo_frontend_"},
      .served = {"dynamo_frontend_inflight_requests", "dynamo_frontend_queued_requests",
                 "dynamo_frontend_requests_total"},
      .least_interval = kGatewayInterval,
      .signals =
          {
              RequestsSignal("dynamo_queue_depth", {queued}, WhenAbsent::kZero,
                             "Requests without a first token yet"),
              RequestsSignal("dynamo_queued_requests", {queued}, WhenAbsent::kZero,
                             "The same, by the frontend's own word"),
              RequestsSignal("dynamo_running", {in_flight, Subtracted(queued)}, WhenAbsent::kZero,
                             "Requests past their first token"),
              RequestsSignal("dynamo_demand", {in_flight}, WhenAbsent::kZero,
                             "Requests accepted and not done"),
              MillisecondsSignal("dynamo_ttft_p95_ms", {first_token}, WhenAbsent::kHold,
                                 "95th percentile of the time to the first token"),
          },
      .wake = WakeSignal("dynamo", {in_flight, Moves({{"dynamo_frontend_requests_total", {}}})},
                         WhenAbsent::kZero, "A request is in flight, or one was done"),
  };
}

}  // namespace

const Dialect& Dynamo() {
  static const Dialect kDialect = MakeDynamo();
  return kDialect;
}

}  // namespace kgs::engine
