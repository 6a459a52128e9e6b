// SPDX-License-Identifier: Apache-2.0
#include "app/interest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/workloads.h"
#include "trigger/trigger.h"

namespace kgs::app {
namespace {

using fleet::Crossing;
using fleet::EngineCrossing;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Metadata = std::map<std::string, std::string>;

std::shared_ptr<const model::ScaledObject> Object(const Metadata& metadata, bool push) {
  auto object = testing::MakeObject();
  object->triggers = {{0, "", push, model::HpaMetricType::kAverageValue, metadata}};
  return object;
}

TEST(InterestTest, ThresholdsOfPushTriggersAreAskedForOnce) {
  const Metadata busy = {{"activationThreshold", "10"}};
  const Metadata hot = {{"metricType", "power_draw"},
                        {"targetValue", "100"},
                        {"activationThreshold", "50"},
                        {"aggregation", "sum"}};
  const fleet::Interest interest =
      InterestOf({Object(busy, true), Object(hot, true), Object(busy, true)});
  EXPECT_THAT(
      interest.gpus,
      ElementsAre(Crossing{model::MetricId::kGpuUtilization, catalogue::Aggregation::kMax, 10},
                  Crossing{model::MetricId::kPowerDraw, catalogue::Aggregation::kSum, 50}));
  EXPECT_THAT(interest.engines, IsEmpty());
}

TEST(InterestTest, OfAnEngineItsThresholdIsAskedFor) {
  const Metadata demand = {{"metricType", "vllm_demand"}, {"targetValue", "16"}};
  Metadata busy = demand;
  busy["activationThreshold"] = "3.5";
  busy["enginePort"] = "9000";
  const fleet::Interest interest = InterestOf({Object(busy, true), Object(demand, true)});
  EXPECT_THAT(interest.gpus, IsEmpty());
  EXPECT_THAT(interest.engines,
              ElementsAre(EngineCrossing{"signal=\"vllm_demand\"", 0},
                          EngineCrossing{"signal=\"vllm_demand\" port=\"9000\"", 3.5}));
}

/// Every number of a trigger whose workload is also active while requests wait or run.
TEST(InterestTest, WhateverMakesAWorkloadActiveIsAskedFor) {
  for (const Metadata& metadata : {Metadata{{"profile", "vllm-inference"}},
                                   Metadata{{"profile", "llm"}, {"engine", "vllm"}}}) {
    const auto parsed = trigger::ParseTrigger(metadata, trigger::UnknownKeys::kRefuse);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    const fleet::Interest interest = InterestOf({Object(metadata, true)});
    bool any_load = false;
    bool any_gpu = false;
    for (const trigger::TriggerSpec& spec : parsed->specs) {
      any_gpu |= !spec.engine;
      for (const auto* metric : {&spec.engine, &spec.engine_instead}) {
        if (!*metric) continue;
        EXPECT_THAT(interest.engines,
                    Contains(EngineCrossing{(*metric)->key, spec.activation_threshold}));
      }
      if (!spec.engine_load) continue;
      any_load = true;
      EXPECT_THAT(interest.engines, Contains(EngineCrossing{spec.engine_load->key, 0}));
    }
    EXPECT_TRUE(any_load);
    EXPECT_EQ(interest.gpus.size(), any_gpu ? 1 : 0);
  }
}

TEST(InterestTest, OutsideAWorkloadNoEngineIsAskedFor) {
  const Metadata metadata = {{"profile", "vllm-inference"}, {"scope", "node"}, {"node", "node-a"}};
  const fleet::Interest interest = InterestOf({Object(metadata, true)});
  EXPECT_THAT(interest.gpus, SizeIs(1));
  EXPECT_THAT(interest.engines, IsEmpty());
}

TEST(InterestTest, WhatNeedsNoHurryIsNotAskedFor) {
  EXPECT_EQ(InterestOf({Object({}, false)}), fleet::Interest()) << "KEDA polls it";
  EXPECT_EQ(InterestOf({Object({{"profile", "training"}}, true)}), fleet::Interest())
      << "it is active whatever is read";
  EXPECT_EQ(InterestOf({Object({{"activationThresholdFromEnv", "THRESHOLD"}}, true)}),
            fleet::Interest())
      << "only KEDA sees the value";
}

}  // namespace
}  // namespace kgs::app
