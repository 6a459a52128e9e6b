// SPDX-License-Identifier: Apache-2.0
#include "decision/node_decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace kgs::decision {
namespace {

using base::SteadyTime;
using catalogue::Aggregation;
using model::DeviceState;
using model::GpuSnapshot;
using model::MetricId;
using model::Missing;
using model::NodeSnapshot;
using model::Reading;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kMaxAge = std::chrono::seconds(3);
const SteadyTime kNow = SteadyTime(std::chrono::hours(5));

GpuSnapshot Gpu(int index, double utilization, SteadyTime taken = kNow) {
  GpuSnapshot gpu;
  gpu.identity.index = index;
  gpu.identity.uuid = "GPU-" + std::to_string(index);
  gpu.readings[MetricId::kGpuUtilization] = Reading::Value(utilization, taken);
  return gpu;
}

GpuSnapshot Failing(int index, Missing reason, const std::string& detail) {
  GpuSnapshot gpu = Gpu(index, 0);
  gpu.readings[MetricId::kGpuUtilization] = Reading::Absent(reason, detail);
  return gpu;
}

GpuSnapshot Lost(int index) {
  GpuSnapshot gpu = Gpu(index, 99);
  gpu.state = DeviceState::kLost;
  gpu.state_reason = "nvmlDeviceGetUtilizationRates: GPU is lost";
  return gpu;
}

NodeSnapshot Node(std::vector<GpuSnapshot> gpus) {
  NodeSnapshot node;
  node.sequence = 1;
  node.sources.push_back({.backend = "nvml", .open = true, .problem = "", .driver_version = "1"});
  node.gpus = std::move(gpus);
  return node;
}

absl::StatusOr<double> Value(const NodeSnapshot& node, const trigger::TriggerSpec& spec = {}) {
  return NodeValue(spec, &node, kNow, kMaxAge);
}

std::string Error(const absl::StatusOr<double>& value) {
  EXPECT_EQ(value.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_LT(value.status().message().size(), 512u);
  return std::string(value.status().message());
}

TEST(MaxReadingAge, IsThreeIntervalsButAtLeastThreeSeconds) {
  EXPECT_EQ(MaxReadingAge(std::chrono::milliseconds(100)), std::chrono::seconds(3));
  EXPECT_EQ(MaxReadingAge(std::chrono::seconds(1)), std::chrono::seconds(3));
  EXPECT_EQ(MaxReadingAge(std::chrono::seconds(60)), std::chrono::seconds(180));
}

TEST(NodeValue, AggregatesTheSelectedGpus) {
  const NodeSnapshot node = Node({Gpu(0, 10), Gpu(1, 92), Gpu(2, 30)});
  EXPECT_EQ(*Value(node), 92);
  EXPECT_EQ(*Value(node, {.aggregation = Aggregation::kSum}), 132);
  EXPECT_EQ(*Value(node, {.aggregation = Aggregation::kMin}), 10);
  EXPECT_EQ(*Value(node, {.gpu_index = 2}), 30);
}

TEST(NodeValue, NothingSampledYetIsAnError) {
  EXPECT_EQ(Error(NodeValue({}, nullptr, kNow, kMaxAge)), "no GPU has been sampled yet");
}

TEST(NodeValue, ANodeWithoutGpusIsAnErrorAndNotZero) {
  EXPECT_THAT(Error(Value(Node({}))), HasSubstr("lists none"));
}

TEST(NodeValue, AClosedDriverIsNamedWithItsReason) {
  NodeSnapshot node = Node({});
  node.sources[0].open = false;
  node.sources[0].problem = "cannot load libnvidia-ml.so.1";
  EXPECT_EQ(Error(Value(node)), "no GPU can be read: nvml: cannot load libnvidia-ml.so.1");
}

TEST(NodeValue, ALostGpuIsLeftOut) {
  EXPECT_EQ(*Value(Node({Gpu(0, 10), Lost(1), Gpu(2, 30)})), 30);
}

TEST(NodeValue, ALostGpuThatIsAskedForIsAnErrorThatNamesIt) {
  EXPECT_THAT(Error(Value(Node({Gpu(0, 10), Lost(1)}), {.gpu_index = 1})),
              AllOf(HasSubstr("GPU 1 (GPU-1)"), HasSubstr("lost")));
}

TEST(NodeValue, AnIndexThatMovedToAnotherGpuIsAnError) {
  EXPECT_THAT(Error(Value(Node({Gpu(0, 10), Gpu(1, 20), Lost(1)}), {.gpu_index = 1})),
              HasSubstr("GPU 1 (GPU-1) is lost"));
}

TEST(NodeValue, AllGpusLostIsAnError) {
  EXPECT_THAT(Error(Value(Node({Lost(0), Lost(1)}))),
              AllOf(HasSubstr("GPU 0 (GPU-0) is lost"), HasSubstr("GPU 1 (GPU-1) is lost")));
}

TEST(NodeValue, AGpuThatMayNotBeOpenedIsNotOfTheSet) {
  GpuSnapshot other = Failing(1, Missing::kNotPermitted, "");
  other.state = DeviceState::kNotPermitted;
  EXPECT_EQ(*Value(Node({Gpu(0, 10), other})), 10);
  EXPECT_THAT(Error(Value(Node({Gpu(0, 10), other}), {.gpu_index = 1})),
              HasSubstr("may not be opened"));
}

TEST(NodeValue, OneFailedReadingMakesTheAggregateUnavailable) {
  const NodeSnapshot node =
      Node({Gpu(0, 90), Failing(1, Missing::kDriverError, "nvmlX: Unknown Error")});
  EXPECT_EQ(Error(Value(node)),
            "no fresh gpu_utilization of every selected GPU: GPU 1 (GPU-1): nvmlX: Unknown Error");
  EXPECT_EQ(*Value(node, {.gpu_index = 0}), 90) << "another GPU's failure hides nothing";
}

TEST(NodeValue, AGpuThatNeverHadTheMetricIsLeftOutWhereOthersHaveIt) {
  const GpuSnapshot display = Failing(1, Missing::kUnsupported, "Not Supported");
  EXPECT_EQ(*Value(Node({Gpu(0, 90), display}), {.aggregation = Aggregation::kMin}), 90);
  EXPECT_THAT(Error(Value(Node({Gpu(0, 90), display}), {.gpu_index = 1})),
              HasSubstr("GPU 1 (GPU-1): Not Supported"));
  EXPECT_THAT(Error(Value(Node({display}))), HasSubstr("GPU 1 (GPU-1): Not Supported"));
  EXPECT_THAT(Error(Value(Node({Failing(0, Missing::kDriverError, "Unknown Error"), display}))),
              AllOf(HasSubstr("Unknown Error"), Not(HasSubstr("Not Supported"))));
}

TEST(NodeValue, AStaleValueTellsWhyThereIsNoNewerOne) {
  NodeSnapshot node = Node({Gpu(0, 50, kNow - std::chrono::minutes(1))});
  Reading& reading = node.gpus[0].readings[MetricId::kGpuUtilization];
  reading = reading.WithDetail("nvmlX: No data");
  EXPECT_THAT(Error(Value(node)), HasSubstr("GPU 0 (GPU-0): nvmlX: No data"));
}

TEST(NodeValue, NoFiniteNumberIsAnError) {
  EXPECT_THAT(Error(Value(Node({Gpu(0, std::nan(""))}))), HasSubstr("no finite number"));
}

TEST(NodeValue, AReadingIsServedUpToItsAgeLimitAndNotBeyond) {
  EXPECT_EQ(*Value(Node({Gpu(0, 50, kNow - kMaxAge)})), 50);
  const NodeSnapshot stale = Node({Gpu(0, 50, kNow - kMaxAge - std::chrono::nanoseconds(1))});
  EXPECT_THAT(Error(Value(stale)), HasSubstr("GPU 0 (GPU-0): the last reading is stale"));
}

TEST(NodeValue, AHungCallIsNamed) {
  NodeSnapshot node = Node({Gpu(0, 50, kNow - std::chrono::minutes(1))});
  node.gpus[0].hung_call = "nvmlDeviceGetPowerUsage";
  EXPECT_THAT(Error(Value(node)), HasSubstr("nvmlDeviceGetPowerUsage has not returned"));
}

TEST(NodeValue, ErrorsSayTheSameAtEveryPoll) {
  const NodeSnapshot node = Node({Gpu(0, 50, kNow - std::chrono::minutes(1))});
  const auto later = NodeValue({}, &node, kNow + std::chrono::seconds(17), kMaxAge);
  EXPECT_EQ(Error(Value(node)), Error(later));
}

TEST(NodeValue, ManyFailingGpusStillMakeAShortMessage) {
  std::vector<GpuSnapshot> gpus;
  for (int i = 0; i < 16; ++i) {
    gpus.push_back(Failing(i, Missing::kDriverError, std::string(400, 'x') + "\n"));
  }
  EXPECT_THAT(Error(Value(Node(gpus))), Not(HasSubstr("\n")));
  gpus.clear();
  for (int i = 0; i < 16; ++i) gpus.push_back(Failing(i, Missing::kDriverError, "failed"));
  EXPECT_THAT(Error(Value(Node(gpus))), HasSubstr("; and 13 more"));
}

TEST(NodeValue, AnIndexBeyondTheNodeNamesTheOnesThereAre) {
  EXPECT_EQ(Error(Value(Node({Gpu(0, 1), Gpu(1, 1)}), {.gpu_index = 7})),
            "gpuIndex 7: no such GPU on this node; it has GPU 0 and 1");
}

TEST(NodeValue, ABelowZeroTemperatureIsZeroForKeda) {
  NodeSnapshot node = Node({Gpu(0, 0)});
  node.gpus[0].readings[MetricId::kTemperature] = Reading::Value(-5, kNow);
  EXPECT_EQ(*Value(node, {.metric = MetricId::kTemperature}), 0);
}

TEST(NodeActivity, IsStrictlyAboveTheThreshold) {
  const NodeSnapshot node = Node({Gpu(0, 10)});
  const auto active = [&](double threshold) {
    return *NodeActivity({.activation_threshold = threshold}, &node, kNow, kMaxAge);
  };
  EXPECT_TRUE(active(9.9));
  EXPECT_FALSE(active(10));
}

TEST(NodeActivity, IsAnErrorExactlyWhereTheValueIs) {
  EXPECT_EQ(NodeActivity({}, nullptr, kNow, kMaxAge).status(),
            NodeValue({}, nullptr, kNow, kMaxAge).status());
}

TEST(NodeActivity, AlwaysActiveHoldsBlindToo) {
  EXPECT_TRUE(*NodeActivity({.always_active = true}, nullptr, kNow, kMaxAge));
}

TEST(WhyBlind, IsEmptyWhileOneGpuHasAFreshReading) {
  const NodeSnapshot node = Node({Failing(0, Missing::kDriverError, "x"), Gpu(1, 5)});
  EXPECT_EQ(WhyBlind(&node, kNow, kMaxAge), "");
  EXPECT_THAT(WhyBlind(&node, kNow + std::chrono::hours(1), kMaxAge), HasSubstr("stale"));
  EXPECT_EQ(WhyBlind(nullptr, kNow, kMaxAge), "no GPU has been sampled yet");
  const NodeSnapshot lost = Node({Lost(0)});
  EXPECT_THAT(WhyBlind(&lost, kNow, kMaxAge), HasSubstr("GPU 0 (GPU-0) is lost"));
}

TEST(NodeValue, RandomNodesNeverTurnTroubleIntoANumber) {
  std::mt19937 random(20261124);
  const auto draw = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  int values = 0;
  int errors = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<GpuSnapshot> gpus;
    bool trouble = false;
    double highest = -1;
    for (int i = 0; i < draw(9); ++i) {
      const int kind = draw(8);
      if (kind == 0) {
        gpus.push_back(Lost(i));
      } else if (kind == 1) {
        gpus.push_back(Failing(i, Missing::kDriverError, "x"));
        trouble = true;
      } else if (kind == 2) {
        gpus.push_back(Gpu(i, 100, kNow - std::chrono::seconds(4)));
        trouble = true;
      } else {
        gpus.push_back(Gpu(i, draw(101)));
        highest = std::max(highest, gpus.back().readings[MetricId::kGpuUtilization].value());
      }
    }
    const auto value = Value(Node(gpus));
    ASSERT_EQ(value.ok(), !trouble && highest >= 0);
    if (value.ok()) {
      ++values;
      ASSERT_EQ(*value, highest);
    } else {
      ++errors;
      ASSERT_FALSE(value.status().message().empty());
    }
  }
  EXPECT_GT(values, 1000);
  EXPECT_GT(errors, 1000);
}

}  // namespace
}  // namespace kgs::decision
