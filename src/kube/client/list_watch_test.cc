// SPDX-License-Identifier: Apache-2.0
#include "kube/client/list_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace kgs::kube {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string PageError(const std::string& body) {
  return std::string(ReadListPage(body, nullptr).status().message());
}

std::string EventError(const std::string& line) {
  return std::string(ReadWatchEvent(line, nullptr).status().message());
}

TEST(ListPageTest, HasItemsVersionAndContinue) {
  const auto page = ReadListPage(
      R"({"kind":"PodList","metadata":{"resourceVersion":"7","continue":"abc"},"items":[{"a":1}]})",
      nullptr);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->resource_version, "7");
  EXPECT_EQ(page->continue_token, "abc");
  EXPECT_EQ(page->items, nlohmann::json::parse(R"([{"a":1}])"));
}

TEST(ListPageTest, NoItemsMayBeNull) {
  const auto page = ReadListPage(R"({"metadata":{"resourceVersion":"7"},"items":null})", nullptr);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->items.is_array() && page->items.empty());
  EXPECT_EQ(page->continue_token, "");
}

TEST(ListPageTest, WhatIsNoListIsAnError) {
  EXPECT_EQ(PageError("<html>"), "the list is no valid JSON");
  EXPECT_EQ(PageError(R"({"metadata":{"resourceVersion":"7"},"items":[)"),
            "the list is no valid JSON");
  for (const char* body : {"[]", "{}", R"({"metadata":[],"items":[]})",
                           R"({"metadata":{"resourceVersion":7},"items":[]})",
                           R"({"metadata":{"resourceVersion":""},"items":[]})"}) {
    EXPECT_EQ(PageError(body), "the list has no metadata.resourceVersion") << body;
  }
  EXPECT_EQ(PageError(R"({"metadata":{"resourceVersion":"7"}})"), "the list has no items");
  EXPECT_EQ(PageError(R"({"metadata":{"resourceVersion":"7"},"items":{}})"),
            "the list has no items");
  EXPECT_EQ(PageError(R"({"metadata":{"resourceVersion":"7"},"items":[1]})"),
            "the list has an item that is no object");
}

TEST(WatchEventTest, HasTypeObjectAndVersion) {
  using Type = WatchEvent::Type;
  const std::pair<const char*, Type> types[] = {{"ADDED", Type::kChanged},
                                                {"MODIFIED", Type::kChanged},
                                                {"DELETED", Type::kDeleted},
                                                {"BOOKMARK", Type::kBookmark}};
  for (const auto& [name, type] : types) {
    const auto event = ReadWatchEvent(
        R"({"type":")" + std::string(name) + R"(","object":{"metadata":{"resourceVersion":"8"}}})",
        nullptr);
    ASSERT_TRUE(event.ok()) << event.status();
    EXPECT_EQ(event->type, type);
    EXPECT_EQ(event->resource_version, "8");
    EXPECT_TRUE(event->object.contains("metadata"));
  }
}

TEST(WatchEventTest, AnErrorHasItsStatusThoughItsKeysAreDroppedOfObjects) {
  const auto event = ReadWatchEvent(
      R"({"type":"ERROR","object":{"kind":"Status","message":"too old","reason":"Expired","code":410}})",
      [](std::string_view key) { return key == "message" || key == "code"; });
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->type, WatchEvent::Type::kError);
  EXPECT_EQ(event->status.code, 410);
  EXPECT_EQ(event->status.message, "too old");
  EXPECT_TRUE(event->status.gone());
}

TEST(WatchEventTest, WhatIsNoEventIsAnError) {
  EXPECT_EQ(EventError("{"), "a watch event is no valid JSON");
  EXPECT_EQ(EventError("[]"), "a watch event of unknown type \"\"");
  EXPECT_EQ(EventError(R"({"type":"RENAMED","object":{}})"),
            "a watch event of unknown type \"RENAMED\"");
  EXPECT_EQ(EventError(R"({"type":"ADDED"})"), "a watch event ADDED without object");
  EXPECT_EQ(EventError(R"({"type":"ERROR","object":1})"), "a watch event ERROR without object");
  EXPECT_EQ(EventError(R"({"type":"ADDED","object":{"metadata":{}}})"),
            "a watch event ADDED without metadata.resourceVersion");
}

TEST(PathTest, ValuesAreEncoded) {
  EXPECT_EQ(ListPath("/api/v1/pods", "", {500, ""}), "/api/v1/pods?limit=500");
  EXPECT_EQ(ListPath("/api/v1/pods", "labelSelector=a%3Db", {1, "a+/=&-_.~Z9"}),
            "/api/v1/pods?labelSelector=a%3Db&limit=1&continue=a%2B%2F%3D%26-_.~Z9");
  EXPECT_EQ(WatchPath("/api/v1/pods", "x=y", "12 3", 300),
            "/api/v1/pods?x=y&watch=true&allowWatchBookmarks=true&resourceVersion=12%203"
            "&timeoutSeconds=300");
}

TEST(ExplainTest, NamesPathStatusMessageAndFix) {
  const auto forbidden = StatusOfBody(
      403,
      R"({"kind":"Status","message":"pods is forbidden: User \"sa-7\" cannot list","code":403})");
  EXPECT_EQ(Explain("GET", "/api/v1/pods", forbidden),
            "GET /api/v1/pods: HTTP 403: pods is forbidden: User \"sa-7\" cannot list; RBAC does "
            "not allow it: grant the verbs get, list and watch");
  EXPECT_EQ(
      Explain("GET", "/apis/keda.sh/v1alpha1/scaledobjects",
              StatusOfBody(404, "404 page not found\n")),
      "GET /apis/keda.sh/v1alpha1/scaledobjects: HTTP 404: 404 page not found; the API server "
      "does not serve it: is its CustomResourceDefinition installed?");
  EXPECT_EQ(Explain("GET", "/api/v1/pods", StatusOfBody(401, "")),
            "GET /api/v1/pods: HTTP 401; the API server does not accept our credentials");
  EXPECT_EQ(Explain("POST", "/apis/x/v1/reviews", StatusOfBody(403, R"({"message":"forbidden"})")),
            "POST /apis/x/v1/reviews: HTTP 403: forbidden; RBAC does not allow it: grant the verb "
            "create");
  EXPECT_EQ(Explain("GET", "/api/v1/pods", StatusOfBody(500, R"({"reason":"InternalError"})")),
            "GET /api/v1/pods: HTTP 500: InternalError");
}

TEST(ExplainTest, IsTheSameFromTryToTry) {
  const auto at = [](const std::string& version) {
    return Explain("GET", "/p",
                   StatusOfBody(504, "{\"message\":\"Too large resource version: " + version +
                                         ", current: 1\"}"));
  };
  EXPECT_EQ(at("98"), at("1234"));
  EXPECT_EQ(at("98"), "GET /p: HTTP 504: Too large resource version: #, current: #");
}

TEST(ExplainTest, AStrangersPageIsCutAndOnOneLine) {
  const std::string text =
      Explain("GET", "/p", StatusOfBody(502, "<html>\n\xff" + std::string(5000, 'x')));
  EXPECT_LT(text.size(), 500U);
  EXPECT_THAT(text, HasSubstr("<html> \xef\xbf\xbdx"));
  EXPECT_THAT(text, Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace kgs::kube
