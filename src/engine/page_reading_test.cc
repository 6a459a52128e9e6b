// SPDX-License-Identifier: Apache-2.0
//
// What cannot be believed on a page, and what of it is kept.
#include "engine/page_reading.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/series_selector.h"
#include "engine/test_pages.h"
#include "engine/test_readings.h"

namespace kgs::engine {
namespace {

using model::EngineGap;
using model::EngineReading;

EngineReading Running(std::string_view page) { return ReadOne("vllm_running", page); }

TEST(PageReadingTest, NanInfinityAndNegativeNumbersAreFaultsAndNotLeftOutOfASum) {
  for (const char* value : {"NaN", "+Inf", "-Inf", "-1"}) {
    const auto reading = Running(
        "vllm:num_requests_running{engine=\"0\"} 3\n"
        "vllm:num_requests_running{engine=\"1\"} " +
        std::string(value) + "\n");
    ASSERT_FALSE(reading.has_value()) << value;
    EXPECT_EQ(reading.gap(), EngineGap::kFault) << value;
  }
  EXPECT_EQ(Running("vllm:num_requests_running NaN\n").detail(),
            "vllm:num_requests_running: not a finite number");
  EXPECT_EQ(Running("vllm:num_requests_running -1\n").detail(),
            "vllm:num_requests_running: below 0");
  // A NaN that comes first would poison a maximum.
  EXPECT_EQ(Text(ReadOne("vllm_kv_cache_usage",
                         "vllm:kv_cache_usage_perc{engine=\"0\"} NaN\n"
                         "vllm:kv_cache_usage_perc{engine=\"1\"} 0.5\n")),
            "fault");
}

TEST(PageReadingTest, AShareAboveOneIsAnotherUnitAndNotAFullCache) {
  const auto cache = [](const char* value) {
    return Text(ReadOne("vllm_kv_cache_usage", "vllm:kv_cache_usage_perc " + std::string(value)));
  };
  EXPECT_EQ(cache("1"), "100");
  EXPECT_EQ(cache("1.0000001"), "100");
  EXPECT_EQ(cache("37"), "fault");
  EXPECT_EQ(cache("-1"), "fault");
  EXPECT_EQ(cache("0"), "0");
}

TEST(PageReadingTest, ALineThatIsNoSampleIsAFaultOfItsNameAndOfNoOther) {
  const std::string page =
      "vllm:num_requests_running{engine=\"0\"} 3\nvllm:num_requests_running{engine=\"1\"} \n"
      "vllm:num_requests_waiting 2\nother{\n";
  EXPECT_EQ(Running(page).detail(), "vllm:num_requests_running: a line that is no sample");
  EXPECT_EQ(Running(page).gap(), EngineGap::kFault);
  EXPECT_EQ(Text(ReadOne("vllm_queue_depth", page)), "2");
  EXPECT_EQ(Text(ReadOne("vllm_demand", page)), "fault");
  const PageQuery query = QueryFor("vllm_queue_depth");
  EXPECT_EQ(ReadText(query, page).malformed, 2u);
  EXPECT_EQ(ReadText(query, page).samples, 4u);
}

TEST(PageReadingTest, AMalformedLineOfTheNameThatComesFirstIsNotPassedOver) {
  EXPECT_EQ(Text(ReadOne("vllm_queue_depth",
                         "vllm:num_requests_waiting_by_reason{reason=\"capacity\"} x\n"
                         "vllm:num_requests_waiting 9\n")),
            "fault");
}

TEST(PageReadingTest, OfASeriesThatStandsTwiceTheLastIsKeptAndItIsCounted) {
  const std::string page =
      "vllm:num_requests_running{a=\"1\",engine=\"0\"} 3\n"
      "vllm:num_requests_running{engine=\"0\",a=\"1\",b=\"\"} 5\n";
  EXPECT_EQ(Text(Running(page)), "5");
  EXPECT_EQ(ReadText(QueryFor("vllm_running"), page).duplicates, 1u);
}

TEST(PageReadingTest, SamplesOfLongAgoAreFaults) {
  const auto at = [](int64_t ms) {
    return Text(Running("vllm:num_requests_running 3 " + std::to_string(ms) + "\n"));
  };
  EXPECT_EQ(at(kTestNowMs), "3");
  EXPECT_EQ(at(kTestNowMs - 300'000), "3");
  EXPECT_EQ(at(kTestNowMs - 300'001), "fault");
}

TEST(PageReadingTest, ErrorsOfTheReaderAreThoseOfTheReading) {
  const PageQuery query = QueryFor("vllm_running");
  PageReader html(query, Format::kText, kTestNowMs);
  EXPECT_FALSE(html.Feed("<html>\n").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(html.Finish(BodyEnd::kKnown, {}).status()));
  PageReader cut(query, Format::kOpenMetrics, kTestNowMs);
  EXPECT_TRUE(cut.Feed("vllm_num_requests_running 3\n").ok());
  EXPECT_TRUE(absl::IsDataLoss(cut.Finish(BodyEnd::kKnown, {}).status()));
}

PageQuery Series(const SeriesSelector& selector) { return PageQuery({WantedSeries(selector)}); }

TEST(PageReadingTest, WhatIsKeptIsBounded) {
  const PageQuery query = Series({.name = "a"});
  std::string page;
  for (size_t i = 0; i <= KeptPage::kMostSamples; ++i) {
    page += "a{l=\"" + std::to_string(i) + "\"} 1\n";
  }
  auto reading = EngineValues(query, nullptr, ReadText(query, page)).front();
  EXPECT_EQ(reading.detail(), "a: too many series");
  const PageQuery one = Series({.name = "a", .labels = {{"l", "7"}}});
  EXPECT_EQ(Text(EngineValues(one, nullptr, ReadText(one, page)).front()), "1");
  page.clear();
  const std::string large(size_t{1} << 19, 'x');
  for (int i = 0; i < 9; ++i) page += "a{l=\"" + std::to_string(i) + large + "\"} 1\n";
  reading = EngineValues(query, nullptr, ReadText(query, page)).front();
  EXPECT_EQ(reading.detail(), "a: too many series");
}

TEST(PageReadingTest, SeriesOfAUsersOwn) {
  const std::string page = RealPage("epp.prom");
  const auto read = [&](const SeriesSelector& selector) {
    const PageQuery query = Series(selector);
    return Text(EngineValues(query, nullptr, ReadText(query, page)).front());
  };
  EXPECT_EQ(read({.name = "llm_d_epp_request_running"}), "2");
  EXPECT_EQ(read({.name = "llm_d_epp_request_running", .labels = {{"model_name", "m1"}}}), "1");
  EXPECT_EQ(read({.name = "llm_d_epp_request_running", .combine = Combine::kMean}), "1");
  EXPECT_EQ(read({.name = "llm_d_epp_average_queue_size", .combine = Combine::kMin}), "0.4");
  const SeriesSelector absent{.name = "llm_d_epp_flow_control_queue_bytes"};
  EXPECT_EQ(read(absent), "absent");
  EXPECT_EQ(read({.name = absent.name, .absent = WhenAbsent::kZero}), "0");
  EXPECT_EQ(read({.name = absent.name, .absent = WhenAbsent::kHold}), "unknown");
  // A label that the series lacks is empty.
  EXPECT_EQ(read({.name = "llm_d_epp_ready_endpoints", .labels = {{"x", ""}}}), "1");
  EXPECT_EQ(read({.name = "llm_d_epp_ready_endpoints", .labels = {{"name", ""}}}), "absent");
}

TEST(PageReadingTest, ASeriesOfAUsersOwnMayBeNegativeAndShareItsNameWithAPreset) {
  const PageQuery query({WantedSeries({.name = "vllm_num_requests_waiting"}),
                         {*FindSignal("vllm_queue_depth").signal, FindDialect("vllm")},
                         WantedSeries({.name = "a"})});
  const auto readings =
      EngineValues(query, nullptr, ReadText(query, "vllm:num_requests_waiting 4\na -2.5\n"));
  EXPECT_EQ(Text(readings[0]), "4");
  EXPECT_EQ(Text(readings[1]), "4");
  EXPECT_EQ(Text(readings[2]), "-2.5");
}

}  // namespace
}  // namespace kgs::engine
