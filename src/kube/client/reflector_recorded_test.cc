// SPDX-License-Identifier: Apache-2.0
//
// A reflector over what a real kube-apiserver answered (tests/fixtures/kube).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "kube/client/reflector.h"
#include "kube/client/reflector_fixture.h"

namespace kgs::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RecordedTest : public ReflectorFixture {};

std::string Recorded(const std::string& name) {
  std::ifstream file(std::filesystem::path(KGS_FIXTURES) / "kube" / name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

TEST_F(RecordedTest, ARecordedListInPages) {
  options_.drop_key = [](std::string_view key) { return key == "containers"; };
  Start();
  transport_.Answer(0, 200, Recorded("list_pods_page_1.json"));
  EXPECT_THAT(LastPath(), HasSubstr("?limit=500&continue=eyJ"));
  transport_.Answer(1, 200, Recorded("list_pods_page_2.json"));
  transport_.Answer(2, 200, Recorded("list_pods_page_3.json"));
  EXPECT_TRUE(state().synced);
  const auto whole = nlohmann::json::parse(Recorded("list_pods.json"));
  std::vector<std::string> expected = {"begin"};
  for (const auto& item : whole.at("items")) {
    expected.push_back("+" + item.at("metadata").at("name").get<std::string>());
  }
  expected.emplace_back("end");
  EXPECT_GT(expected.size(), 4U);
  EXPECT_EQ(log_, expected);
}

TEST_F(RecordedTest, ARecordedWatch) {
  StartWatching();
  transport_.Data(1, Recorded("watch_pods.jsonl"));
  EXPECT_EQ(state().problem, "");
  ASSERT_GE(log_.size(), 3U);
  EXPECT_EQ(log_.front(), "+mixtral-2");
  EXPECT_THAT(log_, ::testing::Contains("-mixtral-2"));
  transport_.Done(1);
  // From its last bookmark.
  const std::string recorded = Recorded("watch_pods.jsonl");
  const size_t last = recorded.rfind("{\"type\":\"BOOKMARK\"");
  ASSERT_NE(last, std::string::npos);
  const auto bookmark = nlohmann::json::parse(recorded.substr(last));
  EXPECT_EQ(LastPath(), WatchUrl(bookmark.at("object").at("metadata").at("resourceVersion")));
}

TEST_F(RecordedTest, RecordedRefusals) {
  StartWatching();
  transport_.Data(1, Recorded("watch_expired.jsonl"));
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(kListUrl));
  transport_.Answer(Last(), 410, Recorded("status_410_continue.json"));
  EXPECT_THAT(state().problem, HasSubstr(": HTTP 410: The provided continue parameter is too old"));
  const std::pair<int, const char*> refusals[] = {{401, "status_401.json"},
                                                  {403, "status_403_watch.json"},
                                                  {404, "absent_group.txt"},
                                                  {429, "status_429.txt"},
                                                  {504, "status_504_future.json"}};
  const char* const problems[] = {": HTTP 401: Unauthorized; the API server does not accept",
                                  ": HTTP 403: deployments.apps is forbidden: User \"nobody\"",
                                  ": HTTP 404: 404 page not found",
                                  ": HTTP 429: Too many requests, please try again later.",
                                  ": HTTP 504: Timeout: Too large resource version: #, current: #"};
  for (size_t i = 0; i < std::size(refusals); ++i) {
    transport_.Advance(10s);
    ASSERT_THAT(transport_.OpenPaths(), ElementsAre(kListUrl));
    transport_.Answer(Last(), refusals[i].first, Recorded(refusals[i].second));
    EXPECT_THAT(state().problem, HasSubstr(problems[i]));
  }
}

}  // namespace
}  // namespace kgs::kube
