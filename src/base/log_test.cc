// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace kgs::base {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr std::string_view kTime = "2024-05-06T07:08:09.010Z";

// Gives the process its defaults back, whatever a test asked for.
class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { ConfigureLog(LogLevel::kInfo, LogFormat::kJson); }

  template <typename Function>
  static std::string StandardErrorOf(Function function) {
    ::testing::internal::CaptureStderr();
    function();
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, JsonLineKeepsTheOrderOfItsFields) {
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, LogLevel::kWarn, kTime, "GPU lost",
                          {{"gpu", "3"}, {"reason", "fell off the bus"}}),
            R"({"time":"2024-05-06T07:08:09.010Z","level":"warn","message":"GPU lost",)"
            R"("gpu":"3","reason":"fell off the bus"})");
}

TEST_F(LogTest, JsonLineSurvivesHostileText) {
  const std::string line = FormatLogLine(LogFormat::kJson, LogLevel::kError, kTime,
                                         "a\"b\\c\nd\xff", {{"k", "\x01\"}"}});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["message"], "a\"b\\c\nd\xef\xbf\xbd");
  EXPECT_EQ(parsed["k"], "\x01\"}");
}

TEST_F(LogTest, TextLineStaysOnOneLine) {
  EXPECT_EQ(FormatLogLine(LogFormat::kText, LogLevel::kInfo, kTime, "one\ntwo",
                          {{"path", "a b\n"}, {"n", "1"}}),
            R"(2024-05-06T07:08:09.010Z info  one two path="a b\n" n="1")");
}

TEST_F(LogTest, WritesLinesOfTheLevelAndAbove) {
  ConfigureLog(LogLevel::kWarn, LogFormat::kText);
  const std::string written = StandardErrorOf([] {
    LogDebug("no debug");
    LogInfo("no info");
    LogWarn("a warning");
    LogError("an error", {{"code", "7"}});
  });
  EXPECT_THAT(written,
              MatchesRegex("[^\n]*Z warn  a warning\n[^\n]*Z error an error code=\"7\"\n"));
}

TEST_F(LogTest, TheTimeIsUtcWithMilliseconds) {
  const std::string written = StandardErrorOf([] { LogInfo("hello"); });
  const auto parsed = nlohmann::json::parse(written);
  EXPECT_THAT(parsed["time"].get<std::string>(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"));
}

TEST_F(LogTest, BracesInTheMessageAreText) {
  EXPECT_THAT(StandardErrorOf([] { LogInfo("{} {0} {bad"); }), HasSubstr("{} {0} {bad"));
}

TEST_F(LogTest, LinesOfSeveralThreadsDoNotMix) {
  constexpr int kThreads = 4;
  constexpr int kLines = 50;
  const std::string written = StandardErrorOf([] {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < kLines; ++i) LogInfo(std::string(200, 'x'));
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  int lines = 0;
  for (size_t start = 0; start < written.size(); ++lines) {
    const size_t end = written.find('\n', start);
    ASSERT_NE(end, std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(written.substr(start, end - start))["message"],
              std::string(200, 'x'));
    start = end + 1;
  }
  EXPECT_EQ(lines, kThreads * kLines);
}

}  // namespace
}  // namespace kgs::base
