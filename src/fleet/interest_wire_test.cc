// SPDX-License-Identifier: Apache-2.0
//
// What hubs want to be told of at once, as it goes over the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "fleet/interest.h"
#include "fleet/wire.h"

namespace kgs::fleet {
namespace {

using model::MetricId;
using ::testing::ElementsAre;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(InterestWire, GoesThereAndBack) {
  const Interest interest =
      Union({{{{MetricId::kPowerDraw, catalogue::Aggregation::kP95, 0.5},
               {MetricId::kMemoryUsedMib, catalogue::Aggregation::kSum, 1e9}},
              {{"signal=\"vllm_demand\"", 0}, {"signal=\"prometheus\" name=\"q\"", 0.25}}}});
  EXPECT_EQ(FromWire(ToWire(interest)), interest);
}

TEST(InterestWire, TellsWhichMetricsAreRead) {
  Interest interest;
  interest.metrics.set(model::Index(MetricId::kPcieTxKbps));
  interest.metrics.set(model::Index(MetricId::kGpuUtilization));
  pb::Interest message = ToWire(interest);
  EXPECT_THAT(message.metrics(), ElementsAre("gpu_utilization", "pcie_tx_kbps"));
  // One of a later version, and one that is said twice.
  message.add_metrics("nvlink_errors");
  message.add_metrics("pcie_tx_kbps");
  EXPECT_EQ(FromWire(message).metrics, interest.metrics);
  for (size_t i = 0; i < kMostMetrics; ++i) message.add_metrics("nvlink_errors");
  message.add_metrics("pcie_rx_kbps");
  EXPECT_EQ(FromWire(message).metrics, interest.metrics) << "what is beyond the limit is not read";
}

TEST(InterestWire, LeavesOutWhatIsUnknownAndWhatIsNoNumber) {
  pb::Interest message =
      ToWire(Interest{{{MetricId::kPowerDraw, catalogue::Aggregation::kMax, 300}}});
  const pb::Crossing good = message.crossings(0);
  const auto add = [&](const std::function<void(pb::Crossing*)>& change) {
    pb::Crossing* crossing = message.add_crossings();
    *crossing = good;
    change(crossing);
  };
  add([](pb::Crossing* crossing) { crossing->set_metric("nvlink_errors"); });
  add([](pb::Crossing* crossing) { crossing->set_aggregation("median"); });
  add([](pb::Crossing* crossing) { crossing->set_threshold(std::nan("")); });
  add([](pb::Crossing* crossing) { crossing->set_threshold(-kInfinity); });
  add([](pb::Crossing*) {});
  EXPECT_THAT(FromWire(message).gpus,
              ElementsAre(Crossing{MetricId::kPowerDraw, catalogue::Aggregation::kMax, 300}));
}

TEST(InterestWire, IsBoundedBothWays) {
  Interest interest;
  for (int i = 0; i < 600; ++i) {
    interest.gpus.push_back({MetricId::kPowerDraw, catalogue::Aggregation::kMax, i * 1.0});
  }
  pb::Interest message = ToWire(interest);
  EXPECT_EQ(message.crossings_size(), 512);
  for (int i = 0; i < 512; ++i) {
    *message.add_crossings() = message.crossings(0);
    message.mutable_crossings(512 + i)->set_threshold(1000 + i);
  }
  EXPECT_EQ(FromWire(message).gpus.size(), 512);
}

TEST(InterestWire, LeavesOutAnEngineWithoutAKeyOrANumber) {
  pb::Interest message = ToWire(Interest{{}, {{"queue", 5}}});
  const auto add = [&](const std::string& key, double threshold) {
    pb::EngineCrossing* crossing = message.add_engine_crossings();
    crossing->set_key(key);
    crossing->set_threshold(threshold);
  };
  add("", 5);
  add("queue", std::nan(""));
  add("queue", kInfinity);
  add("queue", 5);
  EXPECT_THAT(FromWire(message).engines, ElementsAre(EngineCrossing{"queue", 5}));
}

TEST(InterestWire, IsBoundedBothWaysForEngines) {
  Interest interest;
  for (int i = 0; i < 600; ++i) interest.engines.push_back({"queue", i * 1.0});
  pb::Interest message = ToWire(interest);
  EXPECT_EQ(message.engine_crossings_size(), 512);
  for (int i = 0; i < 512; ++i) {
    *message.add_engine_crossings() = message.engine_crossings(0);
    message.mutable_engine_crossings(512 + i)->set_threshold(1000 + i);
  }
  EXPECT_EQ(FromWire(message).engines.size(), 512);
}

// Keys have texts of users in them.
TEST(InterestWire, LongKeysLeaveRoomForTheScrapes) {
  Interest interest;
  for (int i = 0; i < 512; ++i) interest.engines.push_back({std::string(10'000, 'x'), i * 1.0});
  const pb::Interest message = ToWire(interest);
  EXPECT_GT(message.engine_crossings_size(), 10);
  EXPECT_LE(message.ByteSizeLong(), kMostEngineCrossingBytes);
}

}  // namespace
}  // namespace kgs::fleet
