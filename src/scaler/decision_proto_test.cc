// SPDX-License-Identifier: Apache-2.0
#include "scaler/decision_proto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "scaler/debug_service.h"

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;

const Moment kNow{base::SteadyTime(1h), std::chrono::system_clock::time_point(1'700'000'000s)};

decision::Decision Answer(absl::StatusOr<double> value) {
  decision::Decision decision;
  decision.active = value.ok() ? absl::StatusOr<bool>(true) : value.status();
  decision.branch = value.ok() ? decision::Branch::kAllMeasured : decision::Branch::kBlind;
  decision.value = std::move(value);
  decision.formula = "A*n = 92*3 = 276";
  decision.active_why = "pod default/web-0 at 92 is above 0";
  decision.replicas = 3;
  decision.pods = decision.measured = decision.ready = 3;
  decision.asleep = 2;
  decision.coverage = 1;
  decision.oldest_reading_age = 250ms;
  decision.inputs = {
      {"pod default/web-0", "measured", 92.0, 250ms, ""},
      {"pod default/web-1", "lost", std::nullopt, {}, "node \"n\xff\" is silent", "engine"}};
  decision.warnings = {"shared GPU"};
  return decision;
}

TriggerHistory History() {
  TriggerHistory history;
  history.state.key = {model::ObjectKind::kScaledObject, "default", "web"};
  history.state.trigger_index = 1;
  history.state.target = 80;
  history.state.metric = "vllm_demand";
  history.state.now = Answer(276);
  history.answered = {
      {Answer(absl::UnavailableError("blind")), kNow.steady - 30s, kNow.steady - 20s, 2},
      {Answer(276), kNow.steady - 10s, kNow.steady, 1}};
  return history;
}

TEST(DecisionProtoTest, JsonShowsAllThatADecisionRestsOn) {
  const auto json = nlohmann::json::parse(DecisionsJson({History()}, false, kNow));
  const auto& trigger = json["triggers"][0];
  EXPECT_EQ(trigger["kind"], "ScaledObject");
  EXPECT_EQ(trigger["namespace"], "default");
  EXPECT_EQ(trigger["name"], "web");
  EXPECT_EQ(trigger["trigger"], 1);
  EXPECT_EQ(trigger["target"], 80);
  EXPECT_EQ(trigger["metric"], "vllm_demand");
  const auto& now = trigger["now"];
  EXPECT_EQ(now["value"], 276);
  EXPECT_EQ(now["error"], "");
  EXPECT_EQ(now["active"], true);
  EXPECT_EQ(now["active_why"], "pod default/web-0 at 92 is above 0");
  EXPECT_EQ(now["branch"], "all_measured");
  EXPECT_EQ(now["formula"], "A*n = 92*3 = 276");
  EXPECT_EQ(now["hpa_metric_type"], "AverageValue");
  EXPECT_EQ(now["replicas"], 3);
  EXPECT_EQ(now["measured"], 3);
  EXPECT_EQ(now["lost"], 0) << "a count of nothing is shown";
  EXPECT_EQ(now["asleep"], 2);
  EXPECT_EQ(now["coverage"], 1);
  EXPECT_EQ(now["oldest_reading_age_seconds"], 0.25);
  EXPECT_EQ(now["inputs"][0]["value"], 92);
  EXPECT_EQ(now["inputs"][0]["age_seconds"], 0.25);
  EXPECT_FALSE(now["inputs"][1].contains("value"));
  EXPECT_EQ(now["inputs"][1]["why"], "node \"n\xef\xbf\xbd\" is silent");
  EXPECT_EQ(now["inputs"][0]["source"], "gpus");
  EXPECT_EQ(now["inputs"][1]["source"], "engine");
  EXPECT_EQ(now["warnings"][0], "shared GPU");
}

TEST(DecisionProtoTest, AnErrorIsNeverANumber) {
  const auto json = nlohmann::json::parse(DecisionsJson({History()}, false, kNow));
  const auto& answered = json["triggers"][0]["answered"];
  ASSERT_EQ(answered.size(), 2u);
  EXPECT_EQ(answered[0]["decision"]["value"], 276) << "the newest first";
  const auto& error = answered[1];
  EXPECT_FALSE(error["decision"].contains("value"));
  EXPECT_FALSE(error["decision"].contains("active"));
  EXPECT_EQ(error["decision"]["error"], "UNAVAILABLE: blind");
  EXPECT_EQ(error["first"], "2023-11-14T22:12:50Z");
  EXPECT_EQ(error["last"], "2023-11-14T22:13:00Z");
  EXPECT_EQ(error["times"], "2");
}

TEST(DecisionProtoTest, ATriggerThatOnlyKedaKnowsHasNoPresent) {
  TriggerHistory history = History();
  history.state.target.reset();
  history.state.now.reset();
  const auto json = nlohmann::json::parse(DecisionsJson({history}, false, kNow));
  EXPECT_FALSE(json["triggers"][0].contains("now"));
  EXPECT_FALSE(json["triggers"][0].contains("target"));
  EXPECT_EQ(nlohmann::json::parse(DecisionsJson({}, false, kNow))["triggers"].size(), 0u);
}

TEST(DebugServiceTest, OnlyThisMachineIsLoopback) {
  for (const char* peer : {"ipv4:127.0.0.1:40312", "ipv4:127.0.0.2:1", "ipv6:[::1]:40312",
                           "ipv6:%5B::1%5D:40312", "ipv6:%5B::ffff:127.0.0.1%5D:1", "unix:"}) {
    EXPECT_TRUE(IsLoopbackPeer(peer)) << peer;
  }
  for (const char* peer : {"", "ipv4:10.0.0.1:127", "ipv4:12.7.0.1:1", "ipv6:[fe80::1]:1",
                           "ipv6:[::ffff:10.0.0.1]:1", "ipv6:[::12]:1", "unknown"}) {
    EXPECT_FALSE(IsLoopbackPeer(peer)) << peer;
  }
}

}  // namespace
}  // namespace kgs::scaler
