// SPDX-License-Identifier: Apache-2.0
//
// trtllm-serve of TensorRT-LLM. Before 1.3 it has no gauge to scale on, and its histograms have no
// prefix. Gauges appear with the first iterations: until then nobody can tell a server without load
// from one that is set up without them. Each process has its own series, dead ones too.
#include "engine/dialects/all.h"

namespace kgs::engine {
namespace {

Dialect MakeTrtllm() {
  const Term waiting = Requests({{"trtllm_num_requests_waiting", {}}});
  const Term running = Requests({{"trtllm_num_requests_running", {}}});
  const Term cache = CacheShare({{"trtllm_kv_cache_utilization", {}}});
  const Term first_token = P95Milliseconds({
      {"trtllm_time_to_first_token_seconds", {}},
      {"time_to_first_token_seconds", {}},
  });
  return {
      .name = "trtllm",
      .title = "TensorRT-LLM",
      .port = 8000,
      .path = "/prometheus/metrics",
      .switched_on =
          "trtllm-serve 1.3 or later with return_perf_metrics: true and enable_iter_perf_stats: "
          "true; /metrics is another page, of JSON",
      .prefixes = {"trtllm_"},
      .repeated_over = {"pid"},
      .signals =
          {
              RequestsSignal("trtllm_queue_depth", {waiting}, WhenAbsent::kHold,
                             "Requests in the queue"),
              RequestsSignal("trtllm_running", {running}, WhenAbsent::kHold,
                             "Requests being worked on"),
              RequestsSignal("trtllm_demand", {waiting, running}, WhenAbsent::kHold,
                             "Requests in the queue or worked on"),
              PercentSignal("trtllm_kv_cache_usage", {cache}, WhenAbsent::kHold,
                            "Share of the KV cache in use"),
              MillisecondsSignal("trtllm_ttft_p95_ms", {first_token}, WhenAbsent::kHold,
                                 "95th percentile of the time to the first token"),
          },
  };
}

}  // namespace

const Dialect& Trtllm() {
  static const Dialect kDialect = MakeTrtllm();
  return kDialect;
}

}  // namespace kgs::engine
