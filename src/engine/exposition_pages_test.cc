// SPDX-License-Identifier: Apache-2.0
//
// Real pages through the reader, and the property that it does not matter how they arrive.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "engine/exposition_reader.h"
#include "engine/test_pages.h"
#include "tests/support/case_count.h"

namespace kgs::engine {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::IsSubsetOf;
using ::testing::Not;
using ::testing::StartsWith;

const char* const kPages[] = {
    "dynamo-frontend.prom", "envoy.prom",     "epp.prom",     "grammar-traps.prom",
    "llamacpp.prom",        "sglang.prom",    "tgi.prom",     "triton.prom",
    "trtllm.prom",          "vllm-0.10.prom", "vllm-v0.prom", "vllm.prom"};

size_t SampleLines(const std::string& page) {
  std::istringstream lines(page);
  size_t samples = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.front() != '#') ++samples;
  }
  return samples;
}

TEST(ExpositionPagesTest, EveryLineOfEveryPageIsReadButTheOneThatIsNoSample) {
  for (const char* name : kPages) {
    const std::string page = RealPage(name);
    Recorder recorder;
    ExpositionReader reader(Format::kText, recorder);
    ASSERT_TRUE(reader.Feed(page).ok()) << name;
    ASSERT_TRUE(reader.Finish(BodyEnd::kUnknown).ok()) << name;
    EXPECT_EQ(reader.samples(), SampleLines(page)) << name;
    EXPECT_GE(reader.samples(), 5u) << name;
    const bool traps = std::string_view(name) == "grammar-traps.prom";
    EXPECT_THAT(recorder.told, traps ? ::testing::Matcher<std::vector<std::string>>(Contains(
                                           "malformed my.dotted.metric: line 11: no value"))
                                     : Each(Not(StartsWith("malformed"))))
        << name;
  }
}

TEST(ExpositionPagesTest, TheTrapsOfTheGrammar) {
  const ReadPage read = ReadAtOnce(RealPage("grammar-traps.prom"));
  EXPECT_TRUE(read.status.ok()) << read.status;
  const std::string file =
      "msdos_file_access_time_seconds|path=C:\\DIR\\FILE.TXT|"
      "error=Cannot find file:\n\"FILE.TXT\" 1458255915";
  EXPECT_THAT((std::vector<std::string>{
                  "http_requests_total|method=post|code=200 1027 @1395066363000 type 1",
                  "http_requests_total|method=post|code=400 3 @1395066363000 type 1", file,
                  "malformed my.dotted.metric: line 11: no value",
                  "metric_without_timestamp_and_labels 12.47",
                  "something_weird|problem=division by zero inf @-3982045",
                  "http_request_duration_seconds_bucket|le=+Inf 144320 type 3",
                  "rpc_duration_seconds|quantile=0.5 4773 type 4"}),
              IsSubsetOf(read.told));
}

/// \p page with a few bytes of it changed, doubled or taken out.
std::string Damaged(std::string page, std::mt19937& random) {
  static constexpr char kDamage[] =
      "\0\r\n\"\\{},=# \t\xEF"
      "1aN.";
  constexpr std::string_view kBytes(kDamage, sizeof kDamage - 1);
  const int changes = static_cast<int>(random() % 4);
  for (int i = 0; i < changes && !page.empty(); ++i) {
    const size_t at = random() % page.size();
    switch (random() % 3) {
      case 0:
        page[at] = kBytes[random() % kBytes.size()];
        break;
      case 1:
        page.erase(at, random() % 40);
        break;
      default:
        page.insert(at, 1, kBytes[random() % kBytes.size()]);
    }
  }
  return page;
}

ReadPage ReadInRandomPieces(std::string_view page, Format format, const ExpositionLimits& limits,
                            BodyEnd end, std::mt19937& random) {
  Recorder recorder;
  ExpositionReader reader(format, recorder, limits);
  const size_t longest = size_t{1} << (random() % 12);
  absl::Status status;
  while (!page.empty() && status.ok()) {
    const std::string_view piece = page.substr(0, random() % (longest + 1));
    status = reader.Feed(piece);
    page.remove_prefix(piece.size());
  }
  if (status.ok()) status = reader.Finish(end);
  return {status, recorder.told};
}

TEST(ExpositionPagesTest, HowAPageIsCutIntoPiecesChangesNothing) {
  std::mt19937 random(7);
  size_t failed = 0;
  const size_t cases = testing::CaseCount(600);
  for (size_t i = 0; i < cases; ++i) {
    const std::string page = Damaged(RealPage(kPages[random() % std::size(kPages)]), random);
    const Format format = random() % 2 == 0 ? Format::kText : Format::kOpenMetrics;
    const BodyEnd end = random() % 2 == 0 ? BodyEnd::kKnown : BodyEnd::kUnknown;
    ExpositionLimits limits;
    if (random() % 2 == 0) {
      limits = {.line_bytes = 60 + random() % 400,
                .page_bytes = 200 + random() % 4000,
                .samples = 1 + random() % 60};
    }
    const ReadPage whole = ReadAtOnce(page, format, limits, end);
    if (!whole.status.ok()) ++failed;
    ASSERT_EQ(ReadInRandomPieces(page, format, limits, end, random), whole) << page;
    ASSERT_EQ(ReadInPieces(page, format, 1, limits, end), whole) << page;
  }
  // Neither all fine nor all refused: both kinds are compared.
  EXPECT_GT(failed, cases / 10);
  EXPECT_LT(failed, cases - cases / 10);
}

}  // namespace
}  // namespace kgs::engine
