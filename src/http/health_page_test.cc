// SPDX-License-Identifier: Apache-2.0
#include "http/health_page.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace kgs::http {
namespace {

using namespace std::chrono_literals;

base::ThreadHealth Thread(const std::string& name, base::Duration age, base::Duration limit,
                          const std::string& doing = "") {
  return {name, age, limit, doing};
}

TEST(HealthzPageTest, OkWhileEveryLoopTurns) {
  const Page page =
      HealthzPage({Thread("sampler", 0s, 10s), Thread("lane", 1234567us, 2s, "nvmlInit_v2")});
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "application/json");
  EXPECT_EQ(page.body,
            R"({"status":"ok","threads":[)"
            R"({"name":"sampler","age_seconds":0.0,"limit_seconds":10.0,"stuck":false,"doing":""},)"
            R"({"name":"lane","age_seconds":1.235,"limit_seconds":2.0,"stuck":false,)"
            R"("doing":"nvmlInit_v2"}]})"
            "\n");
}

TEST(HealthzPageTest, OneStuckLoopIsEnough) {
  const Page page = HealthzPage({Thread("sampler", 11s, 10s), Thread("other", 0s, 10s)});
  EXPECT_EQ(page.status, 503);
  const auto body = nlohmann::json::parse(page.body);
  EXPECT_EQ(body["status"], "stuck");
  EXPECT_EQ(body["threads"][0]["stuck"], true);
  EXPECT_EQ(body["threads"][1]["stuck"], false);
}

TEST(HealthzPageTest, TheLimitItselfIsNotStuck) {
  EXPECT_EQ(HealthzPage({Thread("sampler", 10s, 10s)}).status, 200);
  EXPECT_EQ(HealthzPage({Thread("sampler", 10s + 1ns, 10s)}).status, 503);
}

TEST(HealthzPageTest, NoLoopsAreNoTrouble) {
  EXPECT_EQ(HealthzPage({}).body, "{\"status\":\"ok\",\"threads\":[]}\n");
}

TEST(ReadyzPageTest, Ready) {
  const Page page = ReadyzPage("", "");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body, "{\"status\":\"ready\"}\n");
}

TEST(ReadyzPageTest, NotReadySaysWhy) {
  const Page page = ReadyzPage("no sampling attempt yet", "");
  EXPECT_EQ(page.status, 503);
  EXPECT_EQ(page.body, "{\"status\":\"not ready\",\"reason\":\"no sampling attempt yet\"}\n");
}

TEST(ReadyzPageTest, BlindIsShownAndStaysReady) {
  const Page page = ReadyzPage("", "nvml: libnvidia-ml.so.1 not found");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body, "{\"status\":\"ready\",\"blind\":\"nvml: libnvidia-ml.so.1 not found\"}\n");
}

TEST(ReadyzPageTest, HostileTextStaysJson) {
  const auto body = nlohmann::json::parse(ReadyzPage("a\"b\n\xff", "x\\y").body);
  EXPECT_EQ(body["reason"], "a\"b\n\xef\xbf\xbd");
  EXPECT_EQ(body["blind"], "x\\y");
}

}  // namespace
}  // namespace kgs::http
