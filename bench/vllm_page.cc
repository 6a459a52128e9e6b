// SPDX-License-Identifier: Apache-2.0
#include "bench/vllm_page.h"

#include <array>
#include <string_view>

namespace kgs::bench {
namespace {

constexpr std::string_view kModel = "meta-llama/Llama-3.3-70B-Instruct";

constexpr std::string_view kGauges[] = {"num_requests_running", "num_requests_waiting",
                                        "kv_cache_usage_perc"};
constexpr std::string_view kCounters[] = {
    "num_preemptions",   "prompt_tokens",    "generation_tokens", "prefix_cache_queries",
    "prefix_cache_hits", "mm_cache_queries", "mm_cache_hits"};
constexpr std::string_view kHistograms[] = {
    "iteration_tokens_total",         "time_to_first_token_seconds",
    "inter_token_latency_seconds",    "request_time_per_output_token_seconds",
    "e2e_request_latency_seconds",    "request_queue_time_seconds",
    "request_inference_time_seconds", "request_prefill_time_seconds",
    "request_decode_time_seconds",    "request_prompt_tokens",
    "request_generation_tokens",      "request_params_max_tokens"};
constexpr std::string_view kBounds[] = {"0.001", "0.005", "0.01",  "0.02",   "0.04", "0.06",
                                        "0.08",  "0.1",   "0.25",  "0.5",    "0.75", "1.0",
                                        "2.5",   "5.0",   "7.5",   "10.0",   "20.0", "40.0",
                                        "80.0",  "160.0", "640.0", "2560.0", "+Inf"};

void Declare(std::string_view name, std::string_view type, std::string& page) {
  page.append("# HELP vllm:").append(name).append(" Some words about what this is, as all have.\n");
  page.append("# TYPE vllm:").append(name).append(" ").append(type).append("\n");
}

void AddSample(std::string_view name, std::string_view engine, std::string_view le, double value,
               std::string& page) {
  page.append("vllm:").append(name).append("{engine=\"").append(engine).append("\",");
  if (!le.empty()) page.append("le=\"").append(le).append("\",");
  page.append("model_name=\"").append(kModel).append("\"} ");
  page.append(std::to_string(static_cast<long>(value))).append(".0\n");
}

}  // namespace

std::string VllmPage() {
  constexpr std::array<std::string_view, 2> kEngines = {"0", "1"};
  std::string page;
  for (const std::string_view name : kGauges) {
    Declare(name, "gauge", page);
    for (const std::string_view engine : kEngines) AddSample(name, engine, "", 17, page);
  }
  for (const std::string_view name : kCounters) {
    Declare(name, "counter", page);
    for (const std::string_view engine : kEngines) {
      AddSample(std::string(name) + "_total", engine, "", 8128902, page);
    }
  }
  for (const std::string_view name : kHistograms) {
    Declare(name, "histogram", page);
    for (const std::string_view engine : kEngines) {
      double count = 0;
      for (const std::string_view bound : kBounds) {
        AddSample(std::string(name) + "_bucket", engine, bound, count += 4711, page);
      }
      AddSample(std::string(name) + "_count", engine, "", count, page);
      AddSample(std::string(name) + "_sum", engine, "", 235743, page);
    }
  }
  return page;
}

}  // namespace kgs::bench
