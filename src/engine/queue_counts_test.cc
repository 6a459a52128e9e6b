// SPDX-License-Identifier: Apache-2.0
#include "engine/queue_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/test_pages.h"
#include "engine/test_readings.h"

namespace kgs::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ReadPage ReadCounts(std::string_view page) {
  Recorder recorder;
  absl::Status status = ReadQueueCounts(page, recorder);
  return {std::move(status), std::move(recorder.told)};
}

PageQuery Route(std::string_view metric_type, const std::string& space, const std::string& name) {
  const auto [dialect, signal] = FindSignal(metric_type);
  return PageQuery(
      {Selected({*signal, dialect}, {{"route_namespace", space}, {"route_name", name}})});
}

/// Of the route default/my-app.
std::string Concurrency(std::string_view page) {
  const PageQuery query = Route("keda_http_concurrency", "default", "my-app");
  return Text(EngineValues(query, nullptr, ReadText(query, page)).front());
}

TEST(QueueCountsTest, EachRouteIsShownAsTheInterceptorsOwnSeries) {
  const ReadPage read = ReadCounts(RealPage("keda-http-queue.json"));
  EXPECT_TRUE(read.status.ok()) << read.status;
  EXPECT_THAT(
      read.told,
      ElementsAre("TYPE interceptor_request_concurrency 2",
                  "interceptor_request_concurrency|route_namespace=default|route_name=my-app 3",
                  "interceptor_request_count_total|route_namespace=default|route_name=my-app 42",
                  "interceptor_request_concurrency|route_namespace=demo|route_name=sample-app 0",
                  "interceptor_request_count_total|route_namespace=demo|route_name=sample-app 0"));
}

TEST(QueueCountsTest, WhatIsNoRouteIsMalformedAndWhatIsNoObjectIsRefused) {
  for (const char* page :
       {R"({"a/b": 3})", R"({"a/b": {"RPS": 1}})", R"({"a/b": {"Concurrency": "3"}})",
        R"({"error": "words"})", R"({"a/b": {"Concurrency": {"x": [1]}}})",
        "{\"a\\u0000/b\": {\"Concurrency\": 3}}"}) {
    const ReadPage read = ReadCounts(page);
    EXPECT_TRUE(read.status.ok()) << page;
    EXPECT_THAT(read.told, ElementsAre("TYPE interceptor_request_concurrency 2",
                                       "malformed interceptor_request_concurrency: line 0: a route "
                                       "without its Concurrency"))
        << page;
  }
  EXPECT_THAT(ReadCounts(R"({"a/b": {"Concurrency": 1, "RequestCount": null}})").told.back(),
              HasSubstr("malformed interceptor_request_count_total"));
  for (const char* page :
       {"", "[]", "3", "null", "{", R"({"a/b": {"Concurrency": 3})", "{\"secret\" 1}", "{} {}"}) {
    const ReadPage read = ReadCounts(page);
    EXPECT_TRUE(absl::IsInvalidArgument(read.status)) << page;
    EXPECT_EQ(read.status.message(), "the page is no JSON object of routes") << page;
  }
}

TEST(QueueCountsTest, DepthIsNoTrouble) {
  const std::string deep(500'000, '[');
  EXPECT_FALSE(ReadCounts(deep).status.ok());
  EXPECT_FALSE(ReadCounts("{\"a/b\":" + deep).status.ok());
  const std::string closed = "{\"a/b\":" + deep + std::string(500'000, ']') + "}";
  EXPECT_TRUE(ReadCounts(closed).status.ok());
}

TEST(QueueCountsTest, ARouteWithoutAnyOfItsRequestsIsZeroAndAnUnknownRouteIsNot) {
  const std::string page = RealPage("keda-http-queue.json");
  EXPECT_EQ(Concurrency(page), "3");
  EXPECT_EQ(Concurrency(R"({"default/my-app": {"Concurrency": 0}})"), "0");
  EXPECT_EQ(Concurrency(R"({"default/other": {"Concurrency": 4}})"), "absent");
  EXPECT_EQ(Concurrency(R"({"other/my-app": {"Concurrency": 4}})"), "absent");
  EXPECT_EQ(Concurrency("{}"), "absent");
  EXPECT_EQ(Concurrency(R"({"default/my-app": {"Concurrency": -1}})"), "fault");
  EXPECT_EQ(Concurrency(R"({"default/my-app": 3})"), "fault");
  EXPECT_EQ(Concurrency(R"({"message": "not found"})"), "fault");
  EXPECT_EQ(Concurrency(""), "fault");
}

TEST(QueueCountsTest, TheRequestsAreACounter) {
  const PageQuery query = Route("keda_http_request_rate", "default", "my-app");
  EXPECT_EQ(Text(ReadTwo(query, RealPage("keda-http-queue.json"),
                         R"({"default/my-app": {"Concurrency": 0, "RequestCount": 92}})")),
            "5");
  EXPECT_EQ(Text(ReadTwo(query, RealPage("keda-http-queue.json"),
                         R"({"default/my-app": {"Concurrency": 0, "RequestCount": 2}})")),
            "no value yet");
}

TEST(QueueCountsTest, ThePrometheusPageOfAnInterceptorIsReadAlike) {
  const std::string ours = "route_name=\"my-app\",route_namespace=\"default\"} ";
  const std::string page =
      "# TYPE interceptor_request_concurrency gauge\n"
      "interceptor_request_concurrency{" +
      ours + "4\n" + "interceptor_request_count_total{code=\"200\",method=\"GET\"," + ours + "9\n";
  EXPECT_EQ(Concurrency(page), "4");
  EXPECT_EQ(Concurrency("\n \n" + page), "4");
}

TEST(QueueCountsTest, ItDoesNotMatterHowThePageArrives) {
  const std::string page = "\r\n \t" + RealPage("keda-http-queue.json");
  const PageQuery query = Route("keda_http_concurrency", "default", "my-app");
  for (size_t piece = 1; piece <= page.size(); ++piece) {
    PageReader reader(query, Format::kText, std::nullopt);
    for (size_t at = 0; at < page.size(); at += piece) {
      ASSERT_TRUE(reader.Feed(std::string_view(page).substr(at, piece)).ok());
    }
    const auto read = reader.Finish(BodyEnd::kUnknown, {});
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(Text(EngineValues(query, nullptr, *read).front()), "3") << piece;
  }
}

TEST(QueueCountsTest, APageBeyondTheLimitAndOneThatIsCutAreErrors) {
  const PageQuery query = Route("keda_http_concurrency", "default", "my-app");
  PageReader large(query, Format::kText, std::nullopt);
  EXPECT_TRUE(large.Feed("{" + std::string(kMostQueueCountsBytes - 1, ' ')).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(large.Feed(" ")));
  PageReader cut(query, Format::kText, std::nullopt);
  EXPECT_TRUE(cut.Feed(R"({"default/my-app": {"Concurrency": 3})").ok());
  EXPECT_FALSE(cut.Finish(BodyEnd::kUnknown, {}).ok());
}

TEST(QueueCountsTest, JsonIsNoPageOfAnEngine) {
  const PageQuery query = QueryFor("vllm_demand");
  PageReader reader(query, Format::kText, std::nullopt);
  EXPECT_FALSE(reader.Feed("{\"a/b\": {\"Concurrency\": 3}}\n").ok() &&
               reader.Finish(BodyEnd::kKnown, {}).ok());
}

}  // namespace
}  // namespace kgs::engine
