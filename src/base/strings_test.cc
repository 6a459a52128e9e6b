// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace kgs::base {
namespace {

using namespace std::chrono_literals;
using ::testing::Eq;
using ::testing::Optional;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(JsonQuoteTest, EscapesAndReplacesWhatIsNotUtf8) {
  EXPECT_EQ(JsonQuote("plain"), R"("plain")");
  EXPECT_EQ(JsonQuote("a\"b\\c\n\x01"), R"("a\"b\\c\n\u0001")");
  EXPECT_EQ(JsonQuote("caf\xc3\xa9"), "\"caf\xc3\xa9\"");
  EXPECT_EQ(JsonQuote("a\xffz"), "\"a\xef\xbf\xbdz\"");
}

TEST(ReplaceInvalidUtf8Test, KeepsEverythingElse) {
  EXPECT_EQ(ReplaceInvalidUtf8("a\"b\\c\n\x01 caf\xc3\xa9"), "a\"b\\c\n\x01 caf\xc3\xa9");
  EXPECT_EQ(ReplaceInvalidUtf8("a\xffz"), "a\xef\xbf\xbdz");
  EXPECT_EQ(ReplaceInvalidUtf8("cut \xe2\x82"), "cut \xef\xbf\xbd");
  EXPECT_EQ(ReplaceInvalidUtf8(""), "");
}

TEST(LowerCaseTest, ChangesAsciiAlone) {
  EXPECT_EQ(LowerCase("Content-Type @[`{ 09 \xc3\x89"), "content-type @[`{ 09 \xc3\x89");
  EXPECT_EQ(LowerCase("AZ"), "az");
}

TEST(OneLineTest, ControlCharactersBecomeSpaces) {
  EXPECT_EQ(OneLine("a\r\nb\tc\x7f d"), "a  b c  d");
  EXPECT_EQ(OneLine("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(QuoteForMessageTest, IsPrintableAndBounded) {
  EXPECT_EQ(QuoteForMessage("80"), "\"80\"");
  EXPECT_EQ(QuoteForMessage("a\"b\n\xc3\xa9"), "\"a?b???\"");
  EXPECT_EQ(QuoteForMessage("abcdef", 6), "\"abcdef\"");
  EXPECT_EQ(QuoteForMessage("abcdefg", 6), "\"abcdef...\"");
}

TEST(TruncateTest, CutsToTheLengthMarkIncluded) {
  EXPECT_EQ(Truncate("abcdef", 6), "abcdef");
  EXPECT_EQ(Truncate("abcdefg", 6), "abc...");
  EXPECT_EQ(Truncate("abcdefg", 3), "...");
  EXPECT_EQ(Truncate("abcdefg", 2), "..");
  EXPECT_EQ(Truncate("abcdefg", 0), "");
}

TEST(TruncateTest, NeverSplitsACharacter) {
  // 2 + 3 bytes of the euro sign + 2.
  const std::string text =
      "ab\xe2\x82\xac"
      "cd";
  EXPECT_EQ(Truncate(text, 6), "ab...");
  EXPECT_EQ(Truncate(text, 5), "ab...");
  EXPECT_EQ(Truncate("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 8), "\xe2\x82\xac...");
  EXPECT_EQ(Truncate("\xe2\x82\xac\xe2\x82\xac", 4), "...");
}

TEST(FormatNumberTest, IsTheShortestThatReadsBack) {
  EXPECT_EQ(FormatNumber(80), "80");
  EXPECT_EQ(FormatNumber(0.5), "0.5");
  EXPECT_EQ(FormatNumber(-3), "-3");
  EXPECT_EQ(FormatNumber(1e20), "1e+20");
  EXPECT_EQ(FormatNumber(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(FormatNumber(kInfinity), "inf");
  EXPECT_EQ(FormatNumber(-std::numeric_limits<double>::denorm_min()), "-5e-324");
}

TEST(ParseDoubleTest, WholeDecimalNumbersOnly) {
  EXPECT_THAT(ParseDouble("80"), Optional(80.0));
  EXPECT_THAT(ParseDouble("-1"), Optional(-1.0));
  EXPECT_THAT(ParseDouble("0.5"), Optional(0.5));
  EXPECT_THAT(ParseDouble("1e3"), Optional(1000.0));
  for (const char* text :
       {"", " 80", "80 ", "+80", "80%", "0x10", "1,5", "-", ".", "--1", "80\n"}) {
    EXPECT_EQ(ParseDouble(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(ParseDoubleTest, WhatIsNotFiniteParsesAsSuch) {
  EXPECT_THAT(ParseDouble("inf"), Optional(kInfinity));
  EXPECT_THAT(ParseDouble("-inf"), Optional(-kInfinity));
  ASSERT_TRUE(ParseDouble("nan").has_value());
  EXPECT_TRUE(std::isnan(*ParseDouble("nan")));
  EXPECT_THAT(ParseDouble("1e400"), Optional(kInfinity));
  EXPECT_THAT(ParseDouble("-1e400"), Optional(-kInfinity));
}

TEST(ParseDoubleTest, TooSmallIsNotInfinity) {
  EXPECT_THAT(ParseDouble("1e-400"), Optional(0.0));
  EXPECT_THAT(ParseDouble("-1e-400"), Optional(0.0));
}

TEST(ParseIntegerTest, WholeNumbersOnly) {
  EXPECT_THAT(ParseInteger("0"), Optional(0LL));
  EXPECT_THAT(ParseInteger("-1"), Optional(-1LL));
  EXPECT_THAT(ParseInteger("9223372036854775807"), Optional(9223372036854775807LL));
  for (const char* text : {"", "1.0", " 1", "1 ", "+1", "1e3", "9223372036854775808", "0x1"}) {
    EXPECT_EQ(ParseInteger(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(ParseDurationTest, GoForm) {
  EXPECT_THAT(ParseDuration("500ms"), Optional(Eq(500ms)));
  EXPECT_THAT(ParseDuration("0s"), Optional(Eq(0s)));
  EXPECT_THAT(ParseDuration("30s"), Optional(Eq(30s)));
  EXPECT_THAT(ParseDuration("1m30s"), Optional(Eq(90s)));
  EXPECT_THAT(ParseDuration("0.5s"), Optional(Eq(500ms)));
  EXPECT_THAT(ParseDuration("1h"), Optional(Eq(1h)));
  EXPECT_THAT(ParseDuration("1m1ms"), Optional(Eq(60001ms)));
  EXPECT_THAT(ParseDuration("10000h"), Optional(Eq(10000h)));
}

TEST(ParseDurationTest, RefusesEverythingElse) {
  for (const char* text :
       {"", "30", "s", "30 s", " 30s", "30s ", "-30s", "-0s", "+30s", "1e3s", "infs", "nans",
        "30sec", "30S", "10001h", "9999h2h", "99999999999999999999999999h", "1m-30s"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(FormatDurationTest, IsTheShortestForm) {
  EXPECT_EQ(FormatDuration(0s), "0s");
  EXPECT_EQ(FormatDuration(500ms), "500ms");
  EXPECT_EQ(FormatDuration(1ms), "1ms");
  EXPECT_EQ(FormatDuration(std::chrono::microseconds(1500)), "1.5ms");
  EXPECT_EQ(FormatDuration(1500ms), "1.5s");
  EXPECT_EQ(FormatDuration(30s), "30s");
  EXPECT_EQ(FormatDuration(90s), "1m30s");
  EXPECT_EQ(FormatDuration(60s), "1m");
  EXPECT_EQ(FormatDuration(60001ms), "1m0.001s");
  EXPECT_EQ(FormatDuration(25h), "25h");
  EXPECT_EQ(FormatDuration(1h + 1s), "1h1s");
}

TEST(FormatDurationTest, NegativeOnesKeepEveryPart) {
  EXPECT_EQ(FormatDuration(-500ms), "-500ms");
  EXPECT_EQ(FormatDuration(-90s), "-1m30s");
  EXPECT_EQ(FormatDuration(-1500ms), "-1.5s");
  EXPECT_TRUE(FormatDuration(Duration::min()).starts_with("-2562047h"));
}

TEST(FormatDurationTest, ReadsBack) {
  for (const Duration duration : {Duration(1ms), Duration(999ms), Duration(12345ms), Duration(1h),
                                  Duration(3661s), Duration(100min)}) {
    EXPECT_THAT(ParseDuration(FormatDuration(duration)), Optional(duration))
        << FormatDuration(duration);
  }
}

TEST(NearestWordTest, FindsTheWordThatWasMeant) {
  const std::vector<std::string_view> known = {"targetValue", "gpuIndex", "aggregation", "avg"};
  EXPECT_EQ(NearestWord("targetvalue", known), "targetValue");
  EXPECT_EQ(NearestWord("tragetValue", known), "targetValue");
  EXPECT_EQ(NearestWord("gpuindx", known), "gpuIndex");
  EXPECT_EQ(NearestWord("av", known), "avg");
  EXPECT_EQ(NearestWord("agv", known), "avg");
}

TEST(NearestWordTest, IsSilentRatherThanMisleading) {
  const std::vector<std::string_view> known = {"targetValue", "gpuIndex", "m", "avg"};
  EXPECT_EQ(NearestWord("threshold", known), "");
  EXPECT_EQ(NearestWord("", known), "");
  EXPECT_EQ(NearestWord("x", known), "");
  EXPECT_EQ(NearestWord("targetValue", {}), "");
  EXPECT_EQ(NearestWord(std::string(65, 'a'), {{std::string_view("a")}}), "");
}

TEST(JoinWithAndTest, Lists) {
  EXPECT_EQ(JoinWithAnd({}), "");
  EXPECT_EQ(JoinWithAnd({"a"}), "a");
  EXPECT_EQ(JoinWithAnd({"a", "b"}), "a and b");
  EXPECT_EQ(JoinWithAnd({"a", "b", "c"}), "a, b and c");
}

}  // namespace
}  // namespace kgs::base
