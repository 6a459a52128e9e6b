// SPDX-License-Identifier: Apache-2.0
//
// SGLang. With priorities, the total is the series with an empty priority, and the others, in the
// same family, divide it up. With --enable-metrics-for-all-schedulers every rank of a replica
// reports the same: the largest of them counts, while data-parallel ranks add up. Its histograms
// appear with the first request.
#include "engine/dialects/all.h"

namespace kgs::engine {
namespace {

Dialect MakeSglang() {
  const LabelMatches total = {{"priority", ""}};

  const Term waiting = Requests({{"sglang:num_queue_reqs", total}});
  const Term running = Requests({{"sglang:num_running_reqs", total}});
  const Term cache = CacheShare({{"sglang:token_usage", total}});
  const Term first_token = P95Milliseconds({{"sglang:time_to_first_token_seconds", total}});
  return {
      .name = "sglang",
      .title = "SGLang",
      .port = 30000,
      .switched_on = "--enable-metrics; without it the path is not found",
      .prefixes = {"sglang:"},
      .repeated_over = {"tp_rank", "pp_rank", "moe_ep_rank", "pid"},
      .signals =
          {
              RequestsSignal("sglang_queue_depth", {waiting}, WhenAbsent::kError,
                             "Requests in the queue"),
              RequestsSignal("sglang_running", {running}, WhenAbsent::kError,
                             "Requests being worked on"),
              RequestsSignal("sglang_demand", {waiting, running}, WhenAbsent::kError,
                             "Requests in the queue or worked on"),
              PercentSignal("sglang_kv_cache_usage", {cache}, WhenAbsent::kError,
                            "Share of the token slots in use, of the fullest pool"),
              MillisecondsSignal("sglang_ttft_p95_ms", {first_token}, WhenAbsent::kHold,
                                 "95th percentile of the time to the first token"),
          },
  };
}

}  // namespace

const Dialect& Sglang() {
  static const Dialect kDialect = MakeSglang();
  return kDialect;
}

}  // namespace kgs::engine
