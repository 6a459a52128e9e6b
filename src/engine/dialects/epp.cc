// SPDX-License-Identifier: Apache-2.0
//
// The endpoint picker of the Gateway API inference extension, today llm-d's router. Names that
// begin with llm_d_epp_ came for the older ones, and a page may have both for the same fact: of
// each fact the newer is read and the older only where that is missing, never their sum.
//
// With flow control, requests wait in it while no pod is there: that is what wakes. Its series are
// made with the first request of a flow and go with the flow: what is absent is 0. A request counts
// as running when it has left the queue. The pool's averages are of its ready pods; without any
// they stay as they were for ever, and say nothing.
#include "engine/dialects/all.h"

namespace kgs::engine {
namespace {

/// An average over the ready pods of the pool.
Term OfReadyPods(Term term) {
  term.combine = Combine::kMax;
  term.while_above_zero = {{"llm_d_epp_ready_endpoints", {}}, {"inference_pool_ready_pods", {}}};
  return term;
}

Signal PerPodSignal(std::string name, Term term, std::string help) {
  return {std::move(name),    "requests per pod", false, {OfReadyPods(std::move(term))},
          WhenAbsent::kError, std::move(help)};
}

Dialect MakeEpp() {
  const Term queue = Requests({
      {"llm_d_epp_flow_control_queue_size", {}},
      {"inference_extension_flow_control_queue_size", {}},
  });
  const Term running = Requests({
      {"llm_d_epp_request_running", {}},
      {"inference_objective_running_requests", {}},
      {"inference_model_running_requests", {}},
  });
  const Term pod_queue = Requests({
      {"llm_d_epp_average_queue_size", {}},
      {"inference_pool_average_queue_size", {}},
  });
  const Term pod_running = Requests({
      {"llm_d_epp_average_running_requests", {}},
      {"inference_pool_average_running_requests", {}},
  });
  const Term cache = CacheShare({
      {"llm_d_epp_average_kv_cache_utilization", {}},
      {"inference_pool_average_kv_cache_utilization", {}},
  });
  // Of requests that ended, whatever became of them: dispatched, refused, given up.
  const Term ended = Moves({
      {"llm_d_epp_flow_control_requests_total", {}},
      {"llm_d_epp_flow_control_request_queue_duration_seconds_count", {}},
      {"inference_extension_flow_control_request_queue_duration_seconds_count", {}},
  });
  return {
      .name = "epp",
      .title = "EPP",
      .port = 9090,
      .switched_on =
          "on by default; the queue needs featureGates: [flowControl]. A token guards the page "
          "unless --metrics-endpoint-auth=false",
      .prefixes = {"llm_d_epp_", "inference_extension_", "inference_objective_", "inference_model_",
                   "inference_pool_"},
      .least_interval = kGatewayInterval,
      .signals =
          {
              RequestsSignal("epp_queue_size", {queue}, WhenAbsent::kZero,
                             "Requests that wait in flow control"),
              RequestsSignal("epp_running", {running}, WhenAbsent::kZero,
                             "Requests at the pods that came through the gateway"),
              RequestsSignal("epp_demand", {queue, running}, WhenAbsent::kZero,
                             "Requests that wait in flow control or are at the pods"),
              PerPodSignal("epp_average_queue_size", pod_queue,
                           "Requests in the queue of a pod, mean of the ready ones"),
              PerPodSignal("epp_average_running", pod_running,
                           "Requests that a pod works on, mean of the ready ones"),
              PercentSignal("epp_kv_cache_usage", {OfReadyPods(cache)}, WhenAbsent::kError,
                            "Share of a pod's KV cache in use, mean of the ready ones"),
          },
      .wake = WakeSignal("epp", {queue, ended}, WhenAbsent::kZero,
                         "A request waits in flow control, or one was there"),
  };
}

}  // namespace

const Dialect& Epp() {
  static const Dialect kDialect = MakeEpp();
  return kDialect;
}

}  // namespace kgs::engine
