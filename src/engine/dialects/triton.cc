// SPDX-License-Identifier: Apache-2.0
//
// NVIDIA's Triton Inference Server, with one series for each model and version. What it says of its
// own queue holds for any backend; what it says as a language model's server comes from the
// TensorRT-LLM backend's inflight batcher alone. That backend takes a request at once, so that
// Triton's own count of pending ones says nothing of it, and no metric falls back to the other.
#include "engine/dialects/all.h"

namespace kgs::engine {
namespace {

Term BatcherRequests(const char* type) {
  return Requests({{"nv_trt_llm_request_metrics", {{"request_type", type}}}});
}

Dialect MakeTriton() {
  const Term pending = Requests({{"nv_inference_pending_request_count", {}}});
  const Term rate = {.first_of = {{"nv_inference_request_success", {}}},
                     .kind = SeriesKind::kCounter};
  const Term queue_wait = {
      .first_of = {{"nv_inference_queue_duration_us", {}, "nv_inference_request_success"}},
      .kind = SeriesKind::kMean,
      .scale = 1e-3};
  const Term waiting = BatcherRequests("waiting");
  const Term running = BatcherRequests("scheduled");
  const Term cache =
      CacheShare({{"nv_trt_llm_kv_cache_block_metrics", {{"kv_cache_block_type", "fraction"}}}});
  return {
      .name = "triton",
      .title = "Triton",
      .port = 8002,
      .switched_on =
          "on by default; queue depth, running, demand and KV cache are those of the TensorRT-LLM "
          "backend with inflight batching",
      .prefixes = {"nv_inference_", "nv_trt_llm_"},
      .signals =
          {
              RequestsSignal(
                  "triton_pending", {pending}, WhenAbsent::kError,
                  "Requests that the server has and no backend has taken, over all models"),
              RateSignal("triton_request_rate", {rate}, WhenAbsent::kError,
                         "Requests answered per second, over all models"),
              MillisecondsSignal("triton_queue_wait_ms", {queue_wait}, WhenAbsent::kError,
                                 "Mean time that the requests answered had waited in the queue"),
              RequestsSignal("triton_queue_depth", {waiting}, WhenAbsent::kError,
                             "TensorRT-LLM backend: requests that wait"),
              RequestsSignal("triton_running", {running}, WhenAbsent::kError,
                             "TensorRT-LLM backend: requests scheduled"),
              RequestsSignal("triton_demand", {waiting, running}, WhenAbsent::kError,
                             "TensorRT-LLM backend: requests that wait or are scheduled"),
              PercentSignal("triton_kv_cache_usage", {cache}, WhenAbsent::kError,
                            "TensorRT-LLM backend: share of the KV cache's blocks in use"),
          },
  };
}

}  // namespace

const Dialect& Triton() {
  static const Dialect kDialect = MakeTriton();
  return kDialect;
}

}  // namespace kgs::engine
