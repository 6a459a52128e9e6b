// SPDX-License-Identifier: Apache-2.0
#include "cli/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/engine_page.h"
#include "cli/engine_text.h"
#include "engine/dialects.h"
#include "tests/support/loopback_server.h"
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
  const Ran ran = RunEngine({"--what"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.error, AllOf(HasSubstr("\"--what\": neither"), HasSubstr("usage:")));
  EXPECT_EQ(RunEngine({"a", "--help"}).status, 0);
  EXPECT_THAT(RunEngine({"--help"}).out, StartsWith("usage:"));
}

TEST(EngineCommandTest, AFileThatCannotBeReadMayBeMeantAsAUrl) {
  const Ran missing = RunEngine({Fixture("missing.prom")});
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.error, AllOf(HasSubstr("missing.prom\" cannot be read"),
                                   HasSubstr("a URL begins with http:// or https://")));
}

TEST(EngineCommandTest, AFileOfMoreThanAPageMayHaveIsRefused) {
  const testing::TempFolder folder;
  const std::string path = folder.path() / "large.prom";
  std::ofstream(path) << std::string((size_t{8} << 20) + 1, '\n');
  const Ran ran = RunEngine({path});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.error, HasSubstr("bytes a page"));
}

class EngineCommandUrlTest : public ::testing::Test {
 protected:
  std::string Url() const {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + "/metrics";
  }
  std::string answer_ = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  /// Last: it answers with the above.
  const testing::LoopbackServer server_{[this](testing::Connection& connection, int /*number*/) {
    while (connection.ReadHead()) connection.Send(answer_);
  }};
};

TEST_F(EngineCommandUrlTest, ShowsThePageUnderItsUrl) {
  answer_ =
      "HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n"
      "tgi_queue_size 3\ntgi_batch_current_size 5";
  const Ran ran = RunEngine({Url()});
  EXPECT_EQ(ran.error, "");
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.out, Url() +
                         "\nTGI (tgi), 2 samples\n"
                         "tgi_queue_depth  3 requests  from tgi_queue_size\n"
                         "tgi_running      5 requests  from tgi_batch_current_size\n"
                         "tgi_demand       8 requests  from tgi_queue_size + "
                         "tgi_batch_current_size\n");
  const auto json = nlohmann::json::parse(RunEngine({Url(), "--format", "json"}).out);
  EXPECT_EQ(json["url"], Url());
  ASSERT_EQ(json["pages"].size(), 1u);
  EXPECT_EQ(json["pages"][0]["address"], "127.0.0.1");
  EXPECT_EQ(json["pages"][0]["engine"], "tgi");
  EXPECT_EQ(json["pages"][0]["metrics"][2]["value"], 8);
}

TEST_F(EngineCommandUrlTest, APathThatIsNotThereSaysWherePagesAreAndHowTheyAreSwitchedOn) {
  const Ran ran = RunEngine({Url()});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.error,
              AllOf(StartsWith("keda-gpu-scaler: " + Url() + ": answered HTTP 404\nLooked for:\n"),
                    HasSubstr("/prometheus/metrics"), HasSubstr("sglang")));
  EXPECT_THAT(RunEngine({Url(), "--engine", "sglang"}).error,
              AllOf(HasSubstr("--enable-metrics"), Not(HasSubstr("vllm"))));
  const auto json = nlohmann::json::parse(RunEngine({Url(), "--format=json"}).out);
  EXPECT_EQ(json["pages"][0]["error"], Url() + ": answered HTTP 404");
}

TEST_F(EngineCommandUrlTest, FilesThatCannotBeUsedAreNamedBeforeAnythingIsAsked) {
  const Ran ran = RunEngine({Url(), "--bearer-token-file", Fixture("missing")});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.error, HasSubstr(Fixture("missing")));
  EXPECT_EQ(server_.connections(), 0);
}

}  // namespace
}  // namespace kgs::cli
