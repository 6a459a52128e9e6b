// SPDX-License-Identifier: Apache-2.0
#include "catalogue/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace kgs::catalogue {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::MatchesRegex;

TEST(MetricsTest, OneRowAMetricInTheOrderOfMetricId) {
  ASSERT_EQ(Metrics().size(), model::kMetricCount);
  for (size_t i = 0; i < Metrics().size(); ++i) {
    EXPECT_EQ(model::Index(Metrics()[i].id), i);
    EXPECT_EQ(&MetricOf(Metrics()[i].id), &Metrics()[i]);
  }
}

TEST(MetricsTest, NamesAreUniqueAndRowsComplete) {
  std::set<std::string_view> names;
  for (const Metric& metric : Metrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_THAT(std::string(metric.name), MatchesRegex("[a-z]+(_[a-z]+)*"));
    EXPECT_THAT(metric.unit, AnyOf("percent", "MiB", "watts", "celsius", "KiB/s", "MiB/s"))
        << metric.name;
    EXPECT_FALSE(metric.help.empty()) << metric.name;
    EXPECT_FALSE(metric.source.empty()) << metric.name;
    EXPECT_FALSE(metric.cost.empty()) << metric.name;
  }
}

TEST(MetricsTest, OnlyAmountsAddUp) {
  for (const Metric& metric : Metrics()) {
    const bool amount = metric.unit != "percent" && metric.unit != "celsius";
    EXPECT_EQ(metric.kind == Kind::kDemand, amount) << metric.name;
  }
}

TEST(MetricsTest, TriggersScaleOnEverythingButTheMemorySize) {
  std::vector<std::string_view> scalable;
  for (const Metric& metric : Metrics()) {
    if (metric.scalable) scalable.push_back(metric.name);
    EXPECT_EQ(FindScalableMetric(metric.name), metric.scalable ? &metric : nullptr);
  }
  EXPECT_THAT(scalable,
              ElementsAre("gpu_utilization", "memory_utilization", "memory_used_mib",
                          "memory_used_percent", "temperature", "power_draw", "sm_utilization",
                          "sm_occupancy", "tensor_utilization", "dram_bandwidth_utilization",
                          "pcie_tx_kbps", "pcie_rx_kbps", "nvlink_tx_mbps", "nvlink_rx_mbps"));
}

TEST(MetricsTest, OnlyMemoryInUseIsHeld) {
  for (const Metric& metric : Metrics()) {
    const bool held = metric.id == model::MetricId::kMemoryUsedMib ||
                      metric.id == model::MetricId::kMemoryUsedPercent;
    EXPECT_EQ(metric.held_memory, held) << metric.name;
  }
}

TEST(MetricsTest, UnknownNamesAreNotFound) {
  for (const std::string_view name : {"", "gpu", "GPU_UTILIZATION", "gpu_utilization "}) {
    EXPECT_EQ(FindScalableMetric(name), nullptr) << name;
  }
}

}  // namespace
}  // namespace kgs::catalogue
