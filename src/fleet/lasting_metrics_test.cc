// SPDX-License-Identifier: Apache-2.0
#include "fleet/lasting_metrics.h"

#include <gtest/gtest.h>

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;

model::MetricSet Of(model::MetricId metric) {
  model::MetricSet metrics;
  metrics.set(model::Index(metric));
  return metrics;
}

TEST(LastingMetricsTest, WhatNobodyWantsIsReadForAWhile) {
  const model::MetricSet sent = Of(model::MetricId::kPcieTxKbps);
  const model::MetricSet received = Of(model::MetricId::kPcieRxKbps);
  const base::SteadyTime start{1h};
  LastingMetrics metrics;
  EXPECT_EQ(metrics.At(start, {}), model::MetricSet());
  EXPECT_EQ(metrics.At(start, sent), sent);
  EXPECT_EQ(metrics.At(start + 1h, sent), sent);
  EXPECT_EQ(metrics.At(start + 1h, received), sent | received);
  EXPECT_EQ(metrics.At(start + 1h + 29s, {}), sent | received);
  EXPECT_EQ(metrics.At(start + 1h + 29s, received), sent | received);
  EXPECT_EQ(metrics.At(start + 1h + 30s, {}), received);
  EXPECT_EQ(metrics.At(start + 1h + 59s, {}), model::MetricSet());
  EXPECT_EQ(metrics.At(start + 1h + 59s, sent), sent);
}

}  // namespace
}  // namespace kgs::fleet
