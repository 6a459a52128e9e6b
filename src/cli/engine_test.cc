// SPDX-License-Identifier: Apache-2.0
#include "cli/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/engine_page.h"
#include "engine/dialects.h"
#include "tests/support/temp_folder.h"

namespace kgs::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Fixture(const std::string& name) { return std::string(KGS_FIXTURES) + "/" + name; }

std::string RealPage(const std::string& name) {
  std::ifstream in(Fixture(name));
  EXPECT_TRUE(in.is_open()) << name;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Ran {
  int status;
  std::string out;
  std::string error;
};

Ran RunEngine(const std::vector<std::string>& arguments) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int status = Engine(arguments);
  return {status, ::testing::internal::GetCapturedStdout(),
          ::testing::internal::GetCapturedStderr()};
}

TEST(EngineCommandTest, SaysWhatAPageIsReadAs) {
  const Ran ran = RunEngine({Fixture("vllm.prom")});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.error, "");
  EXPECT_EQ(ran.out,
            "vLLM (vllm), 11 samples\n"
            "vllm_queue_depth     1 requests  from "
            "vllm:num_requests_waiting_by_reason{reason=\"capacity\"}\n"
            "vllm_running         3 requests  from sum of 2: vllm:num_requests_running\n"
            "vllm_demand          4 requests  from "
            "vllm:num_requests_waiting_by_reason{reason=\"capacity\"} + sum of 2: "
            "vllm:num_requests_running\n"
            "vllm_kv_cache_usage  absent: no vllm:kv_cache_usage_perc or vllm:gpu_cache_usage_perc "
            "(on by "
            "default; --disable-log-stats takes the gauges away)\n"
            "vllm_ttft_p95_ms     absent: no vllm:time_to_first_token_seconds (on by default; "
            "--disable-log-stats takes the gauges away)\n");
}

TEST(EngineCommandTest, JsonHasANullWhereThereIsNoValue) {
  const Ran ran = RunEngine({"--format=json", Fixture("triton.prom")});
  EXPECT_EQ(ran.status, 0);
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json["engine"], "triton");
  EXPECT_EQ(json["samples"], 15);
  ASSERT_EQ(json["metrics"].size(), engine::FindDialect("triton")->signals.size());
  EXPECT_EQ(json["metrics"][0], nlohmann::json::parse(R"({
      "name": "triton_pending", "unit": "requests", "value": 0,
      "sources": ["sum of 2: nv_inference_pending_request_count"]})"));
  EXPECT_TRUE(json["metrics"][1]["value"].is_null());
  EXPECT_EQ(json["metrics"][1]["reason"], "no value yet");
  EXPECT_EQ(json["metrics"][3]["reason"], "absent");
}

TEST(EngineCommandTest, EveryRealPageOfAnEngineIsRecognised) {
  for (const char* page : {"dynamo-frontend", "llamacpp", "sglang", "tgi", "triton", "trtllm",
                           "vllm-0.10", "vllm-v0", "vllm"}) {
    EXPECT_EQ(RunEngine({Fixture(std::string(page) + ".prom")}).status, 0) << page;
  }
}

TEST(EngineCommandTest, APageOfNoEngineSaysWhatWasLookedForAndHowItIsSwitchedOn) {
  const Ran ran = RunEngine({Fixture("envoy.prom")});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.out, "");
  for (const engine::Dialect* dialect : engine::Dialects()) {
    EXPECT_THAT(ran.error, AllOf(HasSubstr(dialect->prefixes[0]), HasSubstr(dialect->switched_on)));
  }
}

TEST(EngineCommandTest, APageOfTwoEnginesWantsOneNamed) {
  const std::string both = RealPage("triton.prom") + RealPage("vllm.prom");
  const auto page = ReadEnginePage(both, nullptr);
  EXPECT_THAT(std::string(page.status().message()),
              AllOf(HasSubstr("--engine"), HasSubstr("vllm:"), HasSubstr("nv_inference_"),
                    Not(HasSubstr("sglang"))));
  const auto vllm = ReadEnginePage(both, engine::FindDialect("vllm"));
  ASSERT_TRUE(vllm.ok());
  EXPECT_THAT(EnginePageText(*vllm), StartsWith("vLLM (vllm), 26 samples\n"));
}

TEST(EngineCommandTest, AnEngineThatIsNamedIsBelieved) {
  const Ran ran = RunEngine({Fixture("envoy.prom"), "--engine", "sglang"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.out,
              AllOf(HasSubstr("fault: no sglang:num_queue_reqs"), HasSubstr("--enable-metrics")));
}

TEST(EngineCommandTest, WhatIsWrongWithAPageIsCountedOrSaid) {
  const auto counted = ReadEnginePage("tgi_queue_size 1\ntgi_queue_size 2\nother x\n", nullptr);
  ASSERT_TRUE(counted.ok());
  EXPECT_THAT(EnginePageText(*counted),
              StartsWith("TGI (tgi), 3 samples, 1 lines are no sample, 1 series stand twice\n"
                         "tgi_queue_depth  2 requests"));
  EXPECT_EQ(ReadEnginePage("a 1\n<html>", nullptr).status().message(), "line 2: no metric name");
  const auto cut = ReadEnginePage("tgi_queue_size 1 # {a=\"b\"} 1\n# EOF\n", nullptr);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(cut->malformed, 0u);
}

TEST(EngineCommandTest, WrongArgumentsAreRefused) {
  const std::pair<std::vector<std::string>, const char*> kCases[] = {
      {{}, "FILE must be given"},
      {{"a", "b"}, "\"b\": neither FILE nor a flag"},
      {{"--what", "a"}, "\"--what\": neither FILE nor a flag"},
      {{"a", "--engine"}, "\"--engine\": neither FILE nor a flag with its value"},
      {{"a", "--engine", "ollama"}, "must be one of vllm, sglang"},
      {{"a", "--format", "yaml"}, "must be text or json"},
      {{"http://localhost:8000/metrics"}, "must be a file"},
  };
  for (const auto& [arguments, error] : kCases) {
    const Ran ran = RunEngine(arguments);
    EXPECT_EQ(ran.status, 2) << error;
    EXPECT_THAT(ran.error, AllOf(HasSubstr(error), HasSubstr("usage:")));
  }
  EXPECT_EQ(RunEngine({"a", "--help"}).status, 0);
  EXPECT_THAT(RunEngine({"--help"}).out, StartsWith("usage:"));
  const Ran missing = RunEngine({Fixture("missing.prom")});
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.error, HasSubstr("cannot be read"));
}

TEST(EngineCommandTest, AFileOfMoreThanAPageMayHaveIsRefused) {
  const testing::TempFolder folder;
  const std::string path = folder.path() / "large.prom";
  std::ofstream(path) << std::string((size_t{8} << 20) + 1, '\n');
  const Ran ran = RunEngine({path});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.error, HasSubstr("bytes a page"));
}

}  // namespace
}  // namespace kgs::cli
