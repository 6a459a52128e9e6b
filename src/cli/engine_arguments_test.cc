// SPDX-License-Identifier: Apache-2.0
#include "cli/engine_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "engine/dialects.h"

namespace kgs::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr char kUrl[] = "http://localhost:8000/metrics";

std::string Error(const std::vector<std::string>& arguments) {
  const auto parsed = ParseEngineArguments(arguments);
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(parsed.status().message());
}

TEST(EngineArgumentsTest, AFileOrAUrl) {
  for (const char* file : {"page.prom", "-", "localhost:8000/metrics", "/tmp/a"}) {
    const auto parsed = ParseEngineArguments({file});
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->file, file);
    EXPECT_FALSE(parsed->url.has_value());
  }
  const auto parsed = ParseEngineArguments({"HTTPS://[::1]:8443/metrics?a=b"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->file, "");
  EXPECT_EQ(parsed->url->Text(), "https://[::1]:8443/metrics?a=b");
}

TEST(EngineArgumentsTest, AUrlWithoutAPathMeansTheEnginesOwn) {
  EXPECT_EQ(ParseEngineArguments({"http://vllm:8000"})->url->Text(), "http://vllm:8000/metrics");
  EXPECT_EQ(ParseEngineArguments({"http://trtllm:8000/", "--engine", "trtllm"})->url->Text(),
            "http://trtllm:8000/prometheus/metrics");
}

TEST(EngineArgumentsTest, DefaultsAreThoseOfTheScraper) {
  const auto parsed = ParseEngineArguments({kUrl});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->dialect, nullptr);
  EXPECT_FALSE(parsed->json);
  EXPECT_EQ(parsed->interval, 1s);
  EXPECT_EQ(parsed->timeout, 2s);
  EXPECT_EQ(ParseEngineArguments({kUrl, "--engine", "llamacpp"})->timeout, 5s);
}

TEST(EngineArgumentsTest, EveryFlagStandsInEitherForm) {
  const std::vector<std::vector<std::string>> kForms = {
      {"--engine=vllm", "--format=json", "--interval=0s", "--timeout=5s", "--ca-file=ca.crt",
       "--bearer-token-file=token", "https://engine/metrics"},
      {"https://engine/metrics", "--engine", "vllm", "--format", "json", "--interval", "0s",
       "--timeout", "5s", "--ca-file", "ca.crt", "--bearer-token-file", "token"},
  };
  for (const auto& form : kForms) {
    const auto parsed = ParseEngineArguments(form);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->url->Text(), "https://engine:443/metrics");
    EXPECT_EQ(parsed->dialect, engine::FindDialect("vllm"));
    EXPECT_TRUE(parsed->json);
    EXPECT_EQ(parsed->interval, 0s);
    EXPECT_EQ(parsed->timeout, 5s);
    EXPECT_EQ(parsed->ca_file, "ca.crt");
    EXPECT_EQ(parsed->bearer_token_file, "token");
  }
}

TEST(EngineArgumentsTest, WrongArgumentsAreNamedWithWhatIsAccepted) {
  const std::pair<std::vector<std::string>, const char*> kCases[] = {
      {{}, "URL or FILE must be given"},
      {{"a", "b"}, "\"b\": neither URL, FILE nor a flag with its value"},
      {{kUrl, "b"}, "\"b\": neither"},
      {{"a", kUrl}, "neither"},
      {{""}, "\"\": neither"},
      {{"--what", "a"}, "\"--what\": neither"},
      {{"a", "--engine"}, "\"--engine\": neither"},
      {{"a", "--engine", "ollama"}, "--engine \"ollama\": must be one of vllm, sglang"},
      {{"a", "--format", "yaml"}, "--format \"yaml\": must be text or json"},
      {{"ftp://engine/metrics"}, "http:// or https://"},
      {{"http://engine/metrics#top"}, "fragment"},
      {{"http://user:secret@engine/"}, "user information"},
      {{kUrl, "--interval", "1"}, "--interval \"1\": must be a duration from 0s to 1m"},
      {{kUrl, "--interval", "61s"}, "must be a duration"},
      {{kUrl, "--timeout", "0s"}, "--timeout \"0s\": must be a duration from 1ms to 1m"},
      {{kUrl, "--ca-file", "a"}, "--ca-file is for https"},
      {{"https://engine/", "--ca-file", ""}, "--ca-file \"\": must be a file"},
      {{"a", "--interval", "1s"}, "are for a URL"},
      {{"a", "--timeout", "1s"}, "are for a URL"},
      {{"a", "--bearer-token-file", "b"}, "are for a URL"},
      {{"a", "--ca-file", "b"}, "are for a URL"},
  };
  for (const auto& [arguments, error] : kCases) EXPECT_THAT(Error(arguments), HasSubstr(error));
  EXPECT_EQ(Error({"http://user:secret@engine/"}).find("secret"), std::string::npos);
}

}  // namespace
}  // namespace kgs::cli
