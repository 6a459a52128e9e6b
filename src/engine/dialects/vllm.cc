// SPDX-License-Identifier: Apache-2.0
//
// vLLM, of the versions 0.8 to 0.33. Every series has one for each data-parallel engine: requests
// add up, and the fullest cache counts. gpu_cache_usage_perc became kv_cache_usage_perc in 0.10;
// both are shares from 0 to 1. Where the waiting requests are given by reason, only those that wait
// for capacity count: more replicas do not help the others (a LoRA budget, a transfer, a grammar).
// Gauges without a multiprocess mode have a series for each process, of dead ones too.
#include "engine/dialects/all.h"

namespace kgs::engine {
namespace {

Dialect MakeVllm() {
  const Term waiting = Requests({
      {"vllm:num_requests_waiting_by_reason", {{"reason", "capacity"}}},
      {"vllm:num_requests_waiting", {}},
  });
  const Term running = Requests({{"vllm:num_requests_running", {}}});
  const Term cache = CacheShare({
      {"vllm:kv_cache_usage_perc", {}},
      {"vllm:gpu_cache_usage_perc", {}},
  });
  const Term first_token = P95Milliseconds({{"vllm:time_to_first_token_seconds", {}}});
  return {
      .name = "vllm",
      .title = "vLLM",
      .port = 8000,
      .switched_on = "on by default; --disable-log-stats takes the gauges away",
      .prefixes = {"vllm:"},
      .repeated_over = {"pid"},
      .awake = SeriesName{"vllm:engine_sleep_state", {{"sleep_state", "awake"}}},
      .signals =
          {
              RequestsSignal("vllm_queue_depth", {waiting}, WhenAbsent::kError,
                             "Requests that wait for capacity"),
              RequestsSignal("vllm_running", {running}, WhenAbsent::kError,
                             "Requests being worked on"),
              RequestsSignal("vllm_demand", {waiting, running}, WhenAbsent::kError,
                             "Requests that wait or are worked on"),
              PercentSignal("vllm_kv_cache_usage", {cache}, WhenAbsent::kError,
                            "Share of the KV cache in use"),
              MillisecondsSignal("vllm_ttft_p95_ms", {first_token}, WhenAbsent::kError,
                                 "95th percentile of the time to the first token"),
          },
  };
}

}  // namespace

const Dialect& Vllm() {
  static const Dialect kDialect = MakeVllm();
  return kDialect;
}

}  // namespace kgs::engine
