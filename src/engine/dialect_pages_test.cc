// SPDX-License-Identifier: Apache-2.0
//
// Each preset on real pages, and on the pages that make a naive reader count twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "engine/test_pages.h"
#include "engine/test_readings.h"

namespace kgs::engine {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

/// Every signal of \p engine on \p page, as Text.
std::map<std::string, std::string> All(const char* engine, const std::string& page) {
  const PageQuery query(AllSignals(*FindDialect(engine)));
  const auto readings = EngineValues(query, nullptr, ReadText(query, page));
  std::map<std::string, std::string> texts;
  for (size_t i = 0; i < readings.size(); ++i) {
    texts[query.wanted()[i].signal.name] = Text(readings[i]);
  }
  return texts;
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

TEST(DialectPagesTest, VllmWithTwoEnginesAndReasons) {
  EXPECT_THAT(All("vllm", RealPage("vllm.prom")),
              UnorderedElementsAre(Pair("vllm_queue_depth", "1"), Pair("vllm_running", "3"),
                                   Pair("vllm_demand", "4"), Pair("vllm_kv_cache_usage", "absent"),
                                   Pair("vllm_ttft_p95_ms", "absent")));
}

TEST(DialectPagesTest, VllmBeforeItsNewNames) {
  EXPECT_THAT(All("vllm", RealPage("vllm-v0.prom")),
              UnorderedElementsAre(Pair("vllm_queue_depth", "0"), Pair("vllm_running", "0"),
                                   Pair("vllm_demand", "0"), Pair("vllm_kv_cache_usage", "0"),
                                   Pair("vllm_ttft_p95_ms", "absent")));
}

TEST(DialectPagesTest, VllmWhenBothNamesOfTheCacheExist) {
  const std::string page = RealPage("vllm-0.10.prom");
  EXPECT_THAT(All("vllm", page),
              UnorderedElementsAre(Pair("vllm_queue_depth", "absent"),
                                   Pair("vllm_running", "absent"), Pair("vllm_demand", "absent"),
                                   Pair("vllm_kv_cache_usage", "0.000975010481"),
                                   Pair("vllm_ttft_p95_ms", "absent")));
  const std::string both = page + "vllm:gpu_cache_usage_perc{engine=\"0\"} 0.5\n";
  EXPECT_EQ(All("vllm", both)["vllm_kv_cache_usage"], "0.000975010481");
  EXPECT_EQ(Text(ReadOne("vllm_kv_cache_usage", "vllm:gpu_cache_usage_perc 0.5\n")), "50");
}

TEST(DialectPagesTest, VllmScalesOnWhatWaitsForCapacity) {
  const std::string reasons =
      "vllm:num_requests_waiting{engine=\"0\"} 9\nvllm:num_requests_waiting{engine=\"1\"} 4\n"
      "vllm:num_requests_waiting_by_reason{engine=\"0\",reason=\"capacity\"} 2\n"
      "vllm:num_requests_waiting_by_reason{engine=\"0\",reason=\"deferred\"} 7\n"
      "vllm:num_requests_waiting_by_reason{engine=\"1\",reason=\"capacity\"} 1\n";
  EXPECT_EQ(Text(ReadOne("vllm_queue_depth", reasons)), "3");
  EXPECT_EQ(Text(ReadOne("vllm_queue_depth", reasons.substr(0, reasons.find("vllm:num_requests_"
                                                                            "waiting_by")))),
            "13");
}

TEST(DialectPagesTest, VllmLookAlikesAreNotRead) {
  EXPECT_EQ(Text(ReadOne("vllm_running",
                         "vllm:num_requests_running_created 1.7e9\nvllm:num_requests_running 2\n"
                         "vllm:num_requests_running_total 9\nxvllm:num_requests_running 9\n")),
            "2");
}

TEST(DialectPagesTest, VllmSeriesOfProcessesAreOneAndOfEnginesSeveral) {
  const std::string page =
      "vllm:kv_cache_usage_perc{engine=\"0\",pid=\"7\"} 0.25\n"
      "vllm:kv_cache_usage_perc{engine=\"0\",pid=\"8\"} 0.5\n"
      "vllm:num_requests_running{engine=\"0\",pid=\"7\"} 3\n"
      "vllm:num_requests_running{engine=\"0\",pid=\"8\"} 5\n"
      "vllm:num_requests_running{engine=\"1\",pid=\"8\"} 1\n";
  EXPECT_EQ(Text(ReadOne("vllm_kv_cache_usage", page)), "50");
  EXPECT_EQ(Text(ReadOne("vllm_running", page)), "6");
}

TEST(DialectPagesTest, VllmAsAServerThatWasAskedForOpenMetricsWritesIt) {
  const std::string page = Replaced(RealPage("vllm.prom"), "\nvllm:", "\nvllm_");
  EXPECT_EQ(All("vllm", page), All("vllm", RealPage("vllm.prom")));
}

TEST(DialectPagesTest, VllmAsleepIsNoCapacity) {
  const auto state = [](const char* first, const char* second) {
    return RealPage("vllm.prom") + "vllm:engine_sleep_state{engine=\"0\",sleep_state=\"awake\"} " +
           first + "\nvllm:engine_sleep_state{engine=\"1\",sleep_state=\"awake\"} " + second +
           "\nvllm:engine_sleep_state{engine=\"0\",sleep_state=\"weights_offloaded\"} 0\n";
  };
  for (const auto& [name, text] : All("vllm", state("0", "0"))) EXPECT_EQ(text, "sleeping") << name;
  EXPECT_EQ(All("vllm", state("1", "1")), All("vllm", RealPage("vllm.prom")));
  EXPECT_EQ(All("vllm", state("0", "1")), All("vllm", RealPage("vllm.prom")));
}

TEST(DialectPagesTest, Sglang) {
  EXPECT_THAT(
      All("sglang", RealPage("sglang.prom")),
      UnorderedElementsAre(Pair("sglang_queue_depth", "2826"), Pair("sglang_running", "162"),
                           Pair("sglang_demand", "2988"), Pair("sglang_kv_cache_usage", "28"),
                           Pair("sglang_ttft_p95_ms", "no value yet")));
}

TEST(DialectPagesTest, SglangPrioritiesAndRanksAreNotCountedTwice) {
  const std::string page =
      "sglang:num_queue_reqs{dp_rank=\"0\",tp_rank=\"0\",priority=\"\"} 5\n"
      "sglang:num_queue_reqs{dp_rank=\"0\",tp_rank=\"0\",priority=\"1\"} 2\n"
      "sglang:num_queue_reqs{dp_rank=\"0\",tp_rank=\"0\",priority=\"2\"} 3\n"
      "sglang:num_queue_reqs{dp_rank=\"0\",tp_rank=\"1\",priority=\"\"} 6\n"
      "sglang:num_queue_reqs{dp_rank=\"1\",tp_rank=\"0\",priority=\"\"} 10\n"
      "sglang:num_queue_reqs{dp_rank=\"1\",tp_rank=\"1\",priority=\"\"} 10\n"
      "sglang:num_queue_reqs{dp_rank=\"1\",tp_rank=\"1\",pp_rank=\"1\",priority=\"\"} 9\n";
  EXPECT_EQ(Text(ReadOne("sglang_queue_depth", page)), "16");
}

TEST(DialectPagesTest, SglangHistogramsRepeatForEachRank) {
  const auto page = [](int first, int all) {
    std::string text;
    for (const char* rank : {"0", "1"}) {
      const std::string labels = std::string("tp_rank=\"") + rank + "\",le=\"";
      text += "sglang:time_to_first_token_seconds_bucket{" + labels + "+Inf\"} " +
              std::to_string(all) + "\n";
      text += "sglang:time_to_first_token_seconds_bucket{" + labels + "1.0\"} " +
              std::to_string(first) + "\n";
      text += "sglang:time_to_first_token_seconds_bucket{" + labels + "2e0\"} " +
              std::to_string(all) + "\n";
    }
    return text;
  };
  // 90 within the first second, 10 within the next: the 95th is in its middle.
  EXPECT_EQ(Text(ReadTwo("sglang_ttft_p95_ms", page(0, 0), page(90, 100))), "1500");
}

TEST(DialectPagesTest, Tgi) {
  EXPECT_THAT(All("tgi", RealPage("tgi.prom")),
              UnorderedElementsAre(Pair("tgi_queue_depth", "3"), Pair("tgi_running", "5"),
                                   Pair("tgi_demand", "8")));
}

TEST(DialectPagesTest, TgiIsWithoutLoadUntilItsFirstRequestAndFaultyAfterIt) {
  for (const char* page : {"", "# HELP x y\n", "tgi_batch_max_total_tokens 16000\n",
                           "# TYPE tgi_queue_size gauge\n"}) {
    for (const auto& [name, text] : All("tgi", page)) EXPECT_EQ(text, "0") << name << page;
  }
  const std::string served = "tgi_request_success 1\ntgi_batch_current_size 2\n";
  EXPECT_EQ(Text(ReadOne("tgi_running", served)), "2");
  EXPECT_EQ(Text(ReadOne("tgi_queue_depth", served)), "absent");
  EXPECT_EQ(Text(ReadOne("tgi_demand", served)), "absent");
  // Not TGI at all: no absence of it means anything.
  for (const auto& [name, text] : All("tgi", RealPage("vllm.prom"))) EXPECT_EQ(text, "fault");
}

TEST(DialectPagesTest, TritonWithoutALanguageModel) {
  EXPECT_THAT(All("triton", RealPage("triton.prom")),
              UnorderedElementsAre(
                  Pair("triton_pending", "0"), Pair("triton_request_rate", "no value yet"),
                  Pair("triton_queue_wait_ms", "no value yet"),
                  Pair("triton_queue_depth", "absent"), Pair("triton_running", "absent"),
                  Pair("triton_demand", "absent"), Pair("triton_kv_cache_usage", "absent")));
}

TEST(DialectPagesTest, TritonWithTheTensorRtLlmBackend) {
  const std::string page =
      RealPage("triton.prom") +
      "nv_trt_llm_request_metrics{model=\"tensorrt_llm\",request_type=\"waiting\",version=\"1\"} "
      "3\n"
      "nv_trt_llm_request_metrics{model=\"tensorrt_llm\",request_type=\"context\",version=\"1\"} "
      "1\n"
      "nv_trt_llm_request_metrics{model=\"tensorrt_llm\",request_type=\"scheduled\",version=\"1\"} "
      "4\n"
      "nv_trt_llm_request_metrics{model=\"tensorrt_llm\",request_type=\"max\",version=\"1\"} 512\n"
      "nv_trt_llm_request_metrics{model=\"tensorrt_llm\",request_type=\"active\",version=\"1\"} 7\n"
      "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"fraction\",model=\"a\"} 0.4875\n"
      "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"used\",model=\"a\"} 390\n";
  auto all = All("triton", page);
  EXPECT_EQ(all["triton_queue_depth"], "3");
  EXPECT_EQ(all["triton_running"], "4");
  EXPECT_EQ(all["triton_demand"], "7");
  EXPECT_EQ(all["triton_kv_cache_usage"], "48.75");
  EXPECT_EQ(all["triton_pending"], "0");
}

TEST(DialectPagesTest, TritonRatesOverTwoModels) {
  const auto page = [](const char* first, const char* second, const char* wait) {
    return "nv_inference_request_success{model=\"a\",version=\"1\"} " + std::string(first) +
           "\nnv_inference_request_success{model=\"b\",version=\"1\"} " + second +
           "\nnv_inference_queue_duration_us{model=\"a\",version=\"1\"} " + wait +
           "\nnv_inference_queue_duration_us{model=\"b\",version=\"1\"} 500000\n";
  };
  const std::string before = page("100", "7", "1000000");
  // Ten seconds: 30 and 10 requests; 2 s of waiting for 40 of them.
  const std::string after = page("130", "17", "3000000");
  EXPECT_EQ(Text(ReadTwo("triton_request_rate", before, after)), "4");
  EXPECT_EQ(Text(ReadTwo("triton_queue_wait_ms", before, after)), "50");
  EXPECT_EQ(Text(ReadTwo("triton_request_rate", before, before)), "0");
  EXPECT_EQ(Text(ReadTwo("triton_queue_wait_ms", before, before)), "nothing happened");
}

TEST(DialectPagesTest, Trtllm) {
  EXPECT_THAT(All("trtllm", RealPage("trtllm.prom")),
              UnorderedElementsAre(Pair("trtllm_queue_depth", "1"), Pair("trtllm_running", "3"),
                                   Pair("trtllm_demand", "4"), Pair("trtllm_kv_cache_usage", "42"),
                                   Pair("trtllm_ttft_p95_ms", "unknown")));
}

TEST(DialectPagesTest, TrtllmCannotBeToldFromOneWithoutItsGaugesBeforeTheFirstRequest) {
  const std::string declared =
      "# HELP trtllm_num_requests_waiting x\n"
      "# TYPE trtllm_num_requests_waiting gauge\n";
  for (const auto& [name, text] : All("trtllm", declared)) EXPECT_EQ(text, "unknown") << name;
  // Before 1.3: no prefix, no gauges, but the histogram.
  const auto old = [](int count) {
    return "time_to_first_token_seconds_bucket{le=\"0.1\"} 0\n"
           "time_to_first_token_seconds_bucket{le=\"+Inf\"} " +
           std::to_string(count) + "\n";
  };
  EXPECT_EQ(All("trtllm", old(0))["trtllm_demand"], "fault");
  EXPECT_EQ(Text(ReadTwo("trtllm_ttft_p95_ms", old(0), old(4))), "100");
  EXPECT_EQ(All("trtllm", "")["trtllm_demand"], "fault");
}

TEST(DialectPagesTest, DynamoOfAVersionWithoutAQueue) {
  EXPECT_THAT(All("dynamo", RealPage("dynamo-frontend.prom")),
              UnorderedElementsAre(Pair("dynamo_queue_depth", "absent"),
                                   Pair("dynamo_queued_requests", "absent"),
                                   Pair("dynamo_running", "absent"), Pair("dynamo_demand", "0"),
                                   Pair("dynamo_ttft_p95_ms", "unknown")));
}

TEST(DialectPagesTest, DynamosQueueIsPartOfWhatIsInFlight) {
  const std::string page =
      "dynamo_frontend_inflight_requests{model=\"a\"} 10\n"
      "dynamo_frontend_inflight_requests{model=\"b\"} 2\n"
      "dynamo_frontend_queued_requests{model=\"a\"} 7\n"
      "dynamo_frontend_queued_requests{model=\"b\"} 0\n";
  EXPECT_EQ(Text(ReadOne("dynamo_demand", page)), "12");
  EXPECT_EQ(Text(ReadOne("dynamo_queue_depth", page)), "7");
  EXPECT_EQ(Text(ReadOne("dynamo_running", page)), "5");
  // Set one after the other.
  EXPECT_EQ(Text(ReadOne("dynamo_running",
                         "dynamo_frontend_inflight_requests 1\n"
                         "dynamo_frontend_queued_requests 2\n")),
            "0");
  EXPECT_EQ(Text(ReadOne("dynamo_demand", "# TYPE dynamo_frontend_model_workers gauge\n")), "0");
}

TEST(DialectPagesTest, Llamacpp) {
  EXPECT_THAT(All("llamacpp", RealPage("llamacpp.prom")),
              UnorderedElementsAre(Pair("llamacpp_queue_depth", "0"), Pair("llamacpp_running", "0"),
                                   Pair("llamacpp_demand", "0")));
  EXPECT_EQ(Text(ReadOne("llamacpp_demand",
                         "llamacpp:requests_processing 4\nllamacpp:requests_deferred 3\n")),
            "7");
}

TEST(DialectPagesTest, APageOfNoneOfTheKnownNamesSaysWhatWasLookedFor) {
  const auto reading = ReadOne("vllm_queue_depth", RealPage("envoy.prom"));
  EXPECT_EQ(reading.gap(), model::EngineGap::kFault);
  EXPECT_EQ(reading.detail(),
            "no vllm:num_requests_waiting_by_reason{reason=\"capacity\"} or "
            "vllm:num_requests_waiting: nothing on the page is of vLLM (on by default; "
            "--disable-log-stats takes the gauges away)");
  for (const Dialect* dialect : Dialects()) {
    for (const auto& [name, text] : All(dialect->name.c_str(), RealPage("envoy.prom"))) {
      EXPECT_EQ(text, "fault") << name;
    }
    EXPECT_EQ(All(dialect->name.c_str(), "")[dialect->name + "_demand"],
              dialect->name == "tgi" || dialect->name == "dynamo" ? "0" : "fault");
  }
  EXPECT_THAT(ReadOne("sglang_demand", "").detail(),
              AllOf(HasSubstr("sglang:num_queue_reqs"), HasSubstr("the page is empty"),
                    HasSubstr("--enable-metrics")));
}

TEST(DialectPagesTest, EnginesAreRecognised) {
  std::vector<Wanted> wanted;
  for (const Dialect* dialect : Dialects()) {
    for (const Wanted& one : AllSignals(*dialect)) wanted.push_back(one);
  }
  const PageQuery query(wanted);
  const auto recognised = [&](const std::string& page) {
    std::vector<std::string> names;
    for (const Dialect* dialect : ReadText(query, page).recognised) names.push_back(dialect->name);
    return names;
  };
  for (const char* name : {"vllm", "sglang", "tgi", "triton", "trtllm", "llamacpp"}) {
    EXPECT_THAT(recognised(RealPage(std::string(name) + ".prom")), ElementsAre(name));
  }
  EXPECT_THAT(recognised(RealPage("vllm-v0.prom")), ElementsAre("vllm"));
  EXPECT_THAT(recognised(RealPage("vllm-0.10.prom")), ElementsAre("vllm"));
  EXPECT_THAT(recognised(RealPage("dynamo-frontend.prom")), ElementsAre("dynamo"));
  for (const char* name : {"envoy.prom", "epp.prom", "grammar-traps.prom"}) {
    EXPECT_THAT(recognised(RealPage(name)), IsEmpty()) << name;
  }
  // vLLM as a backend of Triton.
  EXPECT_THAT(recognised(RealPage("triton.prom") + RealPage("vllm.prom")),
              ElementsAre("vllm", "triton"));
}

}  // namespace
}  // namespace kgs::engine
