// SPDX-License-Identifier: Apache-2.0
#include "app/interest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/workloads.h"

namespace kgs::app {
namespace {

using fleet::Crossing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
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
  EXPECT_THAT(
      InterestOf({Object(busy, true), Object(hot, true), Object(busy, true)}),
      ElementsAre(Crossing{model::MetricId::kGpuUtilization, catalogue::Aggregation::kMax, 10},
                  Crossing{model::MetricId::kPowerDraw, catalogue::Aggregation::kSum, 50}));
}

TEST(InterestTest, WhatNeedsNoHurryIsNotAskedFor) {
  EXPECT_THAT(InterestOf({Object({}, false)}), IsEmpty()) << "KEDA polls it";
  EXPECT_THAT(InterestOf({Object({{"profile", "training"}}, true)}), IsEmpty())
      << "it is active whatever is read";
  EXPECT_THAT(InterestOf({Object({{"activationThresholdFromEnv", "THRESHOLD"}}, true)}), IsEmpty())
      << "only KEDA sees the value";
}

}  // namespace
}  // namespace kgs::app
