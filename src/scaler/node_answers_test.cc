// SPDX-License-Identifier: Apache-2.0
#include "scaler/node_answers.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;
using model::MetricId;

class NodeAnswersTest : public ::testing::Test {
 protected:
  /// Whether \p metric counts as asked for.
  bool Asked(MetricId metric) const { return answers_.Asked()[model::Index(metric)]; }
  static trigger::TriggerSpec Spec(MetricId metric) {
    trigger::TriggerSpec spec;
    spec.metric = metric;
    spec.target = 10;
    return spec;
  }

  testing::FakeClock clock_;
  const externalscaler::ScaledObjectRef object_;
  NodeAnswers answers_{[] { return std::vector<decision::NodeView>{}; }, false, clock_};
};

TEST_F(NodeAnswersTest, WhatIsAskedForCountsForAQuarterOfAnHour) {
  const trigger::TriggerSpec pcie = Spec(MetricId::kPcieTxKbps);
  EXPECT_TRUE(answers_.Asked().none());
  EXPECT_FALSE(answers_.Value({object_, pcie}).ok()) << "there is nothing yet to answer from";
  EXPECT_TRUE(Asked(MetricId::kPcieTxKbps));
  EXPECT_FALSE(Asked(MetricId::kPcieRxKbps));
  clock_.Advance(15min);
  EXPECT_TRUE(Asked(MetricId::kPcieTxKbps));
  clock_.Advance(1ms);
  EXPECT_FALSE(Asked(MetricId::kPcieTxKbps));
}

TEST_F(NodeAnswersTest, WhoAsksForActivityAsksForTheMetric) {
  const trigger::TriggerSpec pcie = Spec(MetricId::kPcieRxKbps);
  EXPECT_FALSE(answers_.ActiveForStream({object_, pcie}).ok());
  EXPECT_TRUE(Asked(MetricId::kPcieRxKbps));
}

TEST_F(NodeAnswersTest, TheMetricOfAnEngineIsNoneOfGpus) {
  trigger::TriggerSpec engine = Spec(MetricId::kPcieRxKbps);
  engine.engine.emplace();
  EXPECT_FALSE(answers_.Value({object_, engine}).ok());
  EXPECT_TRUE(answers_.Asked().none());
}

}  // namespace
}  // namespace kgs::scaler
