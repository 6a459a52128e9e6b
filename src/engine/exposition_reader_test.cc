// SPDX-License-Identifier: Apache-2.0
#include "engine/exposition_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_pages.h"

namespace kgs::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int kCounter = static_cast<int>(FamilyType::kCounter);

TEST(ExpositionReaderTest, CommentsHelpAndEmptyLinesAreLeftOut) {
  const ReadPage read =
      ReadAtOnce("# HELP a { \" }\n#\n\n#comment\n \t\n  # TYPEa b\n# TYPE\n  a 1\n");
  EXPECT_TRUE(read.status.ok()) << read.status;
  EXPECT_THAT(read.told, ElementsAre("a 1"));
}

TEST(ExpositionReaderTest, TypesAreThoseOfTheFamilyDeclaredLast) {
  const ReadPage read = ReadAtOnce(
      "# TYPE a counter\n# HELP a x\na_total 1\na 1\na_created 1.7e+09\naa 1\n"
      "# TYPE b histogram\nb_sum 1\nb 1\na 1\n# TYPE c nonsense\nc 1\n# TYPE \"d.e\" gauge\n"
      "{\"d.e\"} 1\n");
  EXPECT_THAT(read.told,
              ElementsAre("TYPE a 1", "a_total 1 type 1", "a 1 type 1", "a_created 1.7e+09", "aa 1",
                          "TYPE b 3", "b_sum 1 type 3", "b 1 type 3", "a 1", "TYPE c 0", "c 1",
                          "TYPE d.e 2", "d.e 1 type 2"));
  EXPECT_EQ(kCounter, 1);
}

TEST(ExpositionReaderTest, OneCarriageReturnAndAByteOrderMarkAreTakenOff) {
  EXPECT_THAT(ReadAtOnce("\xEF\xBB\xBF# TYPE a gauge\r\na 1\r\n\r\nb 2\r").told,
              ElementsAre("TYPE a 2", "a 1 type 2", "b 2"));
  EXPECT_THAT(ReadAtOnce("a 1\r\r\n").told,
              ElementsAre("malformed a: line 1: a value that is not a number"));
  EXPECT_FALSE(ReadAtOnce("a 1\n\xEF\xBB\xBF"
                          "b 1\n")
                   .status.ok());
}

TEST(ExpositionReaderTest, ALineThatIsNoSampleIsToldAndThePageGoesOn) {
  const ReadPage read = ReadAtOnce("a 1\nb{c=\"d\"} \nb one\nc 3\n");
  EXPECT_TRUE(read.status.ok());
  EXPECT_THAT(read.told, ElementsAre("a 1", "malformed b: line 2: no value",
                                     "malformed b: line 3: a value that is not a number", "c 3"));
}

TEST(ExpositionReaderTest, ALineWithoutAReadableNameMakesThePageAnError) {
  for (const char* page : {"a 1\n<html>\n", "a 1\n[]\n", "a 1\n\"# HELP x\\n\"\n",
                           "a 1\n{\"a\":1}\n", "a 1\nsecret-word 1\n"}) {
    const ReadPage read = ReadAtOnce(page);
    EXPECT_TRUE(absl::IsInvalidArgument(read.status)) << page;
    EXPECT_THAT(std::string(read.status.message()), HasSubstr("line 2: ")) << page;
    EXPECT_THAT(std::string(read.status.message()), Not(HasSubstr("secret")));
    EXPECT_THAT(read.told, ElementsAre("a 1"));
  }
}

TEST(ExpositionReaderTest, AnErrorStays) {
  Recorder recorder;
  ExpositionReader reader(Format::kText, recorder);
  const absl::Status first = reader.Feed("<\n");
  EXPECT_FALSE(first.ok());
  EXPECT_EQ(reader.Feed("a 1\n"), first);
  EXPECT_EQ(reader.Finish(BodyEnd::kKnown), first);
  EXPECT_THAT(recorder.told, IsEmpty());
}

TEST(ExpositionReaderTest, ANulIsAnErrorWhereverItStands) {
  for (const std::string_view page :
       {std::string_view("a 1\n\0", 5), std::string_view("a 1\n# \0x\n", 9),
        std::string_view("a 1\nb{c=\"\0\"} 1\n", 15)}) {
    const ReadPage read = ReadAtOnce(page);
    EXPECT_EQ(read.status, absl::InvalidArgumentError("line 2: a NUL"));
    EXPECT_THAT(read.told, ElementsAre("a 1"));
  }
}

TEST(ExpositionReaderTest, EachLimitIsKeptAndTold) {
  const ExpositionLimits limits{.line_bytes = 8, .page_bytes = 32, .samples = 5};
  EXPECT_TRUE(ReadAtOnce("a 123456\na 123456", Format::kText, limits).status.ok());
  EXPECT_EQ(ReadAtOnce("a 123456\na 1234567\n", Format::kText, limits).status,
            absl::ResourceExhaustedError("line 2: more than 8 bytes a line"));
  EXPECT_EQ(ReadAtOnce("a 1\nb 2\nc 3\nd 4\ne 5\nf", Format::kText, limits).status,
            absl::ResourceExhaustedError("line 6: more than 5 samples a page"));
  EXPECT_EQ(ReadAtOnce(std::string(33, '\n'), Format::kText, limits).status,
            absl::ResourceExhaustedError("line 33: more than 32 bytes a page"));
  EXPECT_TRUE(ReadAtOnce(std::string(32, '\n'), Format::kText, limits).status.ok());
}

TEST(ExpositionReaderTest, ALineOfManyBytesIsRead) {
  const std::string value(200'000, 'x');
  const ReadPage read = ReadInPieces("a{b=\"" + value + "\"} 1\n", Format::kText, 4096);
  EXPECT_THAT(read.told, ElementsAre("a|b=" + value + " 1"));
  EXPECT_TRUE(absl::IsResourceExhausted(
      ReadInPieces("a{b=\"" + std::string(1 << 20, 'x') + "\"} 1\n", Format::kText, 4096).status));
}

TEST(ExpositionReaderTest, TheLastLineOfTextMayLackItsEndWhereTheBodyIsKnownToBeWhole) {
  EXPECT_THAT(ReadAtOnce("a 1\nb 12").told, ElementsAre("a 1", "b 12"));
  const ReadPage cut = ReadAtOnce("a 1\nb 12", Format::kText, {}, BodyEnd::kUnknown);
  EXPECT_EQ(cut.status, absl::DataLossError("line 2: the page stops within it"));
  EXPECT_THAT(cut.told, ElementsAre("a 1"));
  EXPECT_TRUE(ReadAtOnce("a 1\n", Format::kText, {}, BodyEnd::kUnknown).status.ok());
  EXPECT_TRUE(ReadAtOnce("", Format::kText, {}, BodyEnd::kUnknown).status.ok());
}

TEST(ExpositionReaderTest, OpenMetricsEndsInItsEndMark) {
  for (const char* page : {"a 1\n# EOF\n", "a 1\n# EOF", "a 1\r\n# EOF\r\n"}) {
    EXPECT_TRUE(ReadAtOnce(page, Format::kOpenMetrics).status.ok()) << page;
    EXPECT_TRUE(ReadAtOnce(page, Format::kOpenMetrics, {}, BodyEnd::kUnknown).status.ok()) << page;
  }
  for (const char* page : {"", "a 1\n", "a 1", "a 1\n# EO", "a 1\n#EOF\n", "a 1\n# EOF x\n"}) {
    EXPECT_EQ(ReadAtOnce(page, Format::kOpenMetrics).status,
              absl::DataLossError("the page stops before its # EOF"))
        << page;
  }
  EXPECT_EQ(ReadAtOnce("# EOF\na 1\n", Format::kOpenMetrics).status,
            absl::InvalidArgumentError("line 2: text after # EOF"));
  // In text it is a comment.
  EXPECT_THAT(ReadAtOnce("# EOF\na 1\n").told, ElementsAre("a 1"));
}

TEST(ExpositionReaderTest, OpenMetricsOfARealLibrary) {
  // Counters are declared without the suffix that their samples have, and may have exemplars.
  const ReadPage read = ReadAtOnce(
      "# HELP vllm:prompt_tokens x\n# TYPE vllm:prompt_tokens counter\n"
      "vllm_prompt_tokens_total{model_name=\"m\"} 5.0 # {id=\"a b\"} 1.0 1.7e+09\n"
      "# TYPE up gauge\n# UNIT up \nup NAN\n# EOF\n",
      Format::kOpenMetrics);
  EXPECT_TRUE(read.status.ok()) << read.status;
  EXPECT_THAT(read.told,
              ElementsAre("TYPE vllm:prompt_tokens 1", "vllm_prompt_tokens_total|model_name=m 5",
                          "TYPE up 2", "up nan type 2"));
}

}  // namespace
}  // namespace kgs::engine
