// SPDX-License-Identifier: Apache-2.0
#include "engine/exposition_http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kgs::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ExpositionHttpTest, TextIsAskedForUncompressedAndNeitherOpenMetricsNorProtobuf) {
  ASSERT_EQ(ScrapeHeaders().size(), 2u);
  EXPECT_EQ(ScrapeHeaders()[0].name, "Accept");
  EXPECT_EQ(ScrapeHeaders()[0].value, "text/plain;version=0.0.4;q=1,*/*;q=0.1");
  EXPECT_EQ(ScrapeHeaders()[1].name, "Accept-Encoding");
  EXPECT_EQ(ScrapeHeaders()[1].value, "identity");
}

TEST(ExpositionHttpTest, TheTypesThatEnginesAnswer) {
  for (const char* type :
       {"", "text/plain", "text/plain; version=0.0.4; charset=utf-8",
        "text/plain; version=1.0.0; charset=utf-8", "text/plain; charset=utf-8",
        "Text/Plain;VERSION=\"0.0.4\"", "text/plain;version=1.0.0;escaping=values", "text/plain;",
        " text/plain ; charset=utf-8 ; version = 0.0.4 "}) {
    const auto format = FormatOfContentType(type);
    ASSERT_TRUE(format.ok()) << type;
    EXPECT_EQ(*format, Format::kText) << type;
  }
  for (const char* type : {"application/openmetrics-text",
                           "application/openmetrics-text; version=1.0.0; charset=utf-8",
                           "application/openmetrics-text;version=0.0.1"}) {
    const auto format = FormatOfContentType(type);
    ASSERT_TRUE(format.ok()) << type;
    EXPECT_EQ(*format, Format::kOpenMetrics) << type;
  }
}

TEST(ExpositionHttpTest, JsonIsAPageOnlyWhereItMayBeOne) {
  for (const char* type : {"application/json", "Application/JSON; charset=utf-8"}) {
    EXPECT_TRUE(FormatOfContentType(type, true).ok()) << type;
    EXPECT_FALSE(FormatOfContentType(type).ok()) << type;
  }
  EXPECT_FALSE(FormatOfContentType("text/html", true).ok());
  EXPECT_EQ(FormatOfContentType("application/openmetrics-text", true).value(),
            Format::kOpenMetrics);
}

TEST(ExpositionHttpTest, OtherPagesAreRefusedWithoutTheirWords) {
  const std::pair<const char*, const char*> kCases[] = {
      {"application/json", "the answer is application/json, not a metrics page"},
      {"text/html; charset=utf-8", "the answer is text/html, not a metrics page"},
      {"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily",
       "the answer is application/vnd.google.protobuf, not a metrics page"},
      {"text/plain; version=0.0.3", "the answer is text/plain of a version that is not read"},
      {"application/openmetrics-text; version=2.0.0",
       "the answer is application/openmetrics-text of a version that is not read"},
      {"text/event-stream", "the answer's Content-Type is not that of a metrics page"},
      {"text", "the answer's Content-Type is not that of a metrics page"},
      {"text/plainer", "the answer's Content-Type is not that of a metrics page"},
  };
  for (const auto& [type, error] : kCases) {
    const auto format = FormatOfContentType(type);
    EXPECT_TRUE(absl::IsInvalidArgument(format.status())) << type;
    EXPECT_EQ(format.status().message(), error) << type;
  }
  const auto format = FormatOfContentType("secret/word; version=secret");
  EXPECT_THAT(std::string(format.status().message()), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace kgs::engine
