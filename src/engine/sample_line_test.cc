// SPDX-License-Identifier: Apache-2.0
#include "engine/sample_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace kgs::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(SampleValueTest, NumbersAsPagesWriteThem) {
  const std::pair<const char*, double> kCases[] = {
      {"0", 0},
      {"3.0", 3},
      {"-1.0", -1},
      {"+7", 7},
      {".5", 0.5},
      {"5.", 5},
      {"1e+07", 1e7},
      {"1.458255915e9", 1458255915},
      {"1E-3", 1e-3},
      {"0x1p-2", 0.25},
      {"-0X1.8P1", -3},
      {"9.75010481363281e-06", 9.75010481363281e-06},
      {"1.7537953269352946e+09", 1.7537953269352946e+09},
      {"4.9406564584124654e-324", 4.9406564584124654e-324},
  };
  for (const auto& [text, number] : kCases) EXPECT_EQ(ParseSampleValue(text), number) << text;
}

TEST(SampleValueTest, InfinityAndNanInAnyCase) {
  for (const char* text : {"Inf", "+Inf", "inf", "INFINITY", "+infinity"}) {
    EXPECT_EQ(ParseSampleValue(text), kInfinity) << text;
  }
  for (const char* text : {"-Inf", "-infinity"}) EXPECT_EQ(ParseSampleValue(text), -kInfinity);
  for (const char* text : {"NaN", "nan", "+NaN", "-nan"}) {
    ASSERT_TRUE(ParseSampleValue(text)) << text;
    EXPECT_TRUE(std::isnan(*ParseSampleValue(text))) << text;
  }
}

TEST(SampleValueTest, AllElseIsNoNumber) {
  for (const char* text :
       {"",       "-",    "+",   ".",     "e5",     "1e",     "1e+",     "--1",  "+-1",
        "1_000",  "1,5",  "12a", "0x",    "0x12",   "0x-1p1", "0xinfp1", "infi", "infinite",
        "nan(1)", "none", "0b1", "1e999", "1e-999", "1 ",     " 1",      "١"}) {
    EXPECT_EQ(ParseSampleValue(text), std::nullopt) << text;
  }
}

/// What is wrong with a line, as text; "" where nothing is.
std::string Wrong(SampleLine& line, std::string_view text, Format format = Format::kText) {
  const char* wrong = line.Parse(text, format);
  return wrong == nullptr ? "" : wrong;
}

TEST(SampleLineTest, BlanksAndTabsMayStandBetweenAllTokens) {
  SampleLine line;
  for (const char* text : {"a{b=\"c\",d=\"e\"} 1.5 7", "a { b = \"c\" , d = \"e\" } 1.5 7",
                           "a\t{\tb\t=\t\"c\",d=\"e\",\t}\t1.5\t7 ", "a{b=\"c\",d=\"e\"}1.5   7"}) {
    ASSERT_EQ(Wrong(line, text), "") << text;
    EXPECT_EQ(line.name(), "a");
    EXPECT_THAT(line.labels(), ElementsAre(Label{"b", "c"}, Label{"d", "e"})) << text;
    EXPECT_EQ(line.value(), 1.5);
    EXPECT_EQ(line.timestamp_ms(), 7);
  }
}

TEST(SampleLineTest, NoLabelsIsWrittenInThreeWays) {
  SampleLine line;
  for (const char* text : {"a 1", "a{} 1", "a { } 1"}) {
    ASSERT_EQ(Wrong(line, text), "") << text;
    EXPECT_THAT(line.labels(), IsEmpty()) << text;
    EXPECT_EQ(line.timestamp_ms(), std::nullopt);
  }
}

TEST(SampleLineTest, ValuesOfLabelsMayHoldAnything) {
  SampleLine line;
  ASSERT_EQ(Wrong(line, R"(a{b="}, x=\"#\" {",c="C:\\DIR\nend",d="\q",e="",f="=",g="ü"} 2)"), "");
  EXPECT_THAT(line.labels(),
              ElementsAre(Label{"b", "}, x=\"#\" {"}, Label{"c", "C:\\DIR\nend"}, Label{"d", "\\q"},
                          Label{"e", ""}, Label{"f", "="}, Label{"g", "ü"}));
  EXPECT_EQ(line.value(), 2);
}

TEST(SampleLineTest, NamesOfAnyCharacterStandInQuotesWithinTheBraces) {
  SampleLine line;
  ASSERT_EQ(Wrong(line, R"({"my.metric","label.x"="v"} 1)"), "");
  EXPECT_EQ(line.name(), "my.metric");
  EXPECT_THAT(line.labels(), ElementsAre(Label{"label.x", "v"}));
  ASSERT_EQ(Wrong(line, R"({a="b", "my\\metric" ,} 1)"), "");
  EXPECT_EQ(line.name(), "my\\metric");
  ASSERT_EQ(Wrong(line, R"(a{"label x"="v"} 1)"), "");
  EXPECT_EQ(line.name(), "a");
  EXPECT_EQ(Wrong(line, R"(a{"b"} 1)"), "two metric names");
  EXPECT_EQ(Wrong(line, R"({"a","b"} 1)"), "two metric names");
}

TEST(SampleLineTest, TimestampsAreMillisecondsInTextAndSecondsInOpenMetrics) {
  SampleLine line;
  ASSERT_EQ(Wrong(line, "a 1 -3982045", Format::kText), "");
  EXPECT_EQ(line.timestamp_ms(), -3982045);
  ASSERT_EQ(Wrong(line, "a 1 1395066363.25", Format::kOpenMetrics), "");
  EXPECT_EQ(line.timestamp_ms(), 1395066363250);
  EXPECT_EQ(Wrong(line, "a 1 1.5", Format::kText), "a timestamp that is not a number");
  EXPECT_EQ(Wrong(line, "a 1 NaN", Format::kOpenMetrics), "a timestamp that is not a number");
}

TEST(SampleLineTest, ExemplarsAreOfOpenMetricsAlone) {
  SampleLine line;
  for (const char* text : {"a_bucket{le=\"1\"} 5 # {trace_id=\"x # y\"} 0.5 1.6e9",
                           "a_bucket{le=\"1\"} 5 12.5 # {} 0.5"}) {
    ASSERT_EQ(Wrong(line, text, Format::kOpenMetrics), "") << text;
    EXPECT_EQ(line.value(), 5);
    EXPECT_NE(Wrong(line, text, Format::kText), "") << text;
  }
}

TEST(SampleLineTest, WhatIsWrongIsSaidAndTheNameKnownWhereItCanBe) {
  const struct {
    const char* text;
    const char* name;
    const char* wrong;
  } kCases[] = {
      {"a", "a", "no value"},
      {"a{b=\"c\"}", "a", "no value"},
      {"a nothing", "a", "a value that is not a number"},
      {"a 1 2 3", "a", "more than a value and a timestamp"},
      {"a 1 2 # {} 1", "a", "more than a value and a timestamp"},
      {"a{b=\"c\" 1", "a", "neither ',' nor '}' after a label"},
      {"a{b=\"c} 1", "a", "a quote that is not closed"},
      {"a{b=\"c\\", "a", "a quote that is not closed"},
      {"a{b=\"c\\\"} 1", "a", "a quote that is not closed"},
      {"a{b=c} 1", "a", "a label value without quotes"},
      {"a{b} 1", "a", "no '=' after a label name"},
      {"a{,} 1", "a", "no label name"},
      {"a{b=\"c\",,} 1", "a", "no label name"},
      {"a{b:c=\"d\"} 1", "a", "no '=' after a label name"},
      {"a{1b=\"c\"} 1", "a", "no label name"},
      {"a{b=\"1\",b=\"2\"} 1", "a", "a label that stands twice"},
      {"a{", "a", "no label name"},
      {"{\"x y\", z=\"1\"}", "x y", "no value"},
      {"{\"\"} 1", "", "an empty metric name"},
      {"{} 1", "", "no metric name"},
      {"{a=\"b\"} 1", "", "no metric name"},
      {"{\"a\":1}", "", "neither ',' nor '}' nor '=' after a quoted name"},
      {"<html>", "", "no metric name"},
      {"[]", "", "no metric name"},
      {"\"# HELP a\"", "", "no metric name"},
      {"1a 1", "", "no metric name"},
      {"a.b 1", "", "a character that no metric name has"},
      {"a-b 1", "", "a character that no metric name has"},
  };
  SampleLine line;
  for (const auto& test : kCases) {
    EXPECT_EQ(Wrong(line, test.text), test.wrong) << test.text;
    EXPECT_EQ(line.name(), test.name) << test.text;
  }
}

TEST(SampleLineTest, LabelsAreBounded) {
  std::string text = "a{";
  for (size_t i = 0; i < SampleLine::kMostLabels; ++i) text += "l" + std::to_string(i) + "=\"\",";
  SampleLine line;
  EXPECT_EQ(Wrong(line, text + "} 1"), "");
  EXPECT_EQ(line.labels().size(), SampleLine::kMostLabels);
  EXPECT_EQ(Wrong(line, text + "more=\"\"} 1"), "more than 256 labels");
}

}  // namespace
}  // namespace kgs::engine
