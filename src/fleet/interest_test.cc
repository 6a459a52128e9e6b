// SPDX-License-Identifier: Apache-2.0
#include "fleet/interest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using catalogue::Aggregation;
using model::EngineReading;
using model::MetricId;
using model::Missing;
using model::NodeReport;
using model::Reading;
using ::testing::ElementsAre;

constexpr base::SteadyTime kTaken{std::chrono::hours(1)};
const Crossing kMaxOver80 = {MetricId::kGpuUtilization, Aggregation::kMax, 80};
const Crossing kAvgOver50 = {MetricId::kGpuUtilization, Aggregation::kAvg, 50};

/// A node of GPUs with these utilizations.
struct Node {
  std::shared_ptr<model::NodeSnapshot> snapshot = std::make_shared<model::NodeSnapshot>();
  NodeReport report;

  explicit Node(const std::vector<double>& utilizations) {
    snapshot->taken = kTaken;
    for (const double utilization : utilizations) {
      snapshot->gpus.emplace_back().readings[MetricId::kGpuUtilization] =
          Reading::Value(utilization, kTaken);
    }
    report.snapshot = snapshot;
    report.max_reading_age = 3s;
  }
  Node& Pod(const std::string& name, const std::vector<size_t>& gpus) {
    model::PodDevices& pod = report.pods.emplace_back();
    pod.pod = {"default", name};
    for (const size_t gpu : gpus) pod.devices.push_back({.gpu = gpu});
    return *this;
  }
  /// What the engine of a pod says; in order of pod and key.
  Node& Engine(const std::string& pod, const std::string& key, model::EngineReading reading) {
    report.engines.push_back({pod, key, std::move(reading), 3s});
    return *this;
  }
  Reading& reading(size_t gpu) { return snapshot->gpus[gpu].readings[MetricId::kGpuUtilization]; }
};

TEST(Union, IsSortedAndHasEachOnce) {
  const EngineCrossing over_5 = {"queue", 5};
  const EngineCrossing over_8 = {"queue", 8};
  const EngineCrossing load = {"load", 0};
  const Interest all = Union(
      {{{kMaxOver80}, {over_8, load}}, {}, {{kAvgOver50, kMaxOver80}, {over_5}}, {{}, {over_8}}});
  EXPECT_THAT(all.gpus, ElementsAre(kMaxOver80, kAvgOver50));
  EXPECT_THAT(all.engines, ElementsAre(load, over_5, over_8));
  EXPECT_EQ(Union({}), Interest());
}

TEST(Union, HasTheMetricsOfAll) {
  Interest pcie;
  pcie.metrics.set(model::Index(MetricId::kPcieTxKbps));
  Interest power;
  power.metrics.set(model::Index(MetricId::kPowerDraw));
  EXPECT_EQ(Union({pcie, {}, power}).metrics, pcie.metrics | power.metrics);
}

TEST(Crosses, AboveIsOneSideAndAtOrBelowTheOther) {
  EXPECT_TRUE(Crosses({{kMaxOver80}}, Node({80}).report, Node({80.5}).report));
  EXPECT_TRUE(Crosses({{kMaxOver80}}, Node({81}).report, Node({80}).report));
  EXPECT_FALSE(Crosses({{kMaxOver80}}, Node({79}).report, Node({80}).report));
  EXPECT_FALSE(Crosses({{kMaxOver80}}, Node({81}).report, Node({100}).report));
  EXPECT_FALSE(Crosses({}, Node({0}).report, Node({100}).report));
}

TEST(Crosses, AnyThresholdOfAnAggregateCounts) {
  Interest interest;
  for (const double threshold : {10, 20, 80, 90}) {
    interest.gpus.push_back({MetricId::kGpuUtilization, Aggregation::kMax, threshold});
  }
  EXPECT_TRUE(Crosses(interest, Node({79}).report, Node({85}).report));
  EXPECT_TRUE(Crosses(interest, Node({15}).report, Node({5}).report));
  EXPECT_FALSE(Crosses(interest, Node({21}).report, Node({80}).report));
}

TEST(Crosses, OfTheNode) {
  EXPECT_TRUE(Crosses({{kAvgOver50}}, Node({100, 0}).report, Node({100, 1}).report));
  EXPECT_FALSE(Crosses({{kMaxOver80}}, Node({100, 0}).report, Node({0, 100}).report));
}

TEST(Crosses, OfAPodThatIsInBoth) {
  const auto node = [](double first, double second) {
    return Node({first, second}).Pod("a", {0}).Pod("b", {1}).report;
  };
  EXPECT_TRUE(Crosses({{kMaxOver80}}, node(100, 0), node(0, 100)));
  EXPECT_FALSE(Crosses({{kMaxOver80}}, node(100, 0), Node({0, 100}).Pod("c", {1}).report));
  EXPECT_TRUE(Crosses({{kMaxOver80}}, node(100, 0), Node({0, 100}).Pod("b", {1}).report));
}

TEST(Crosses, APodThatGotAnotherGpuIsStillThatPod) {
  EXPECT_TRUE(Crosses({{kMaxOver80}}, Node({100, 0}).Pod("a", {0}).report,
                      Node({100, 0}).Pod("a", {1}).report));
}

TEST(Crosses, LeavesOutALostGpuAndOneWithoutTheMetric) {
  Node before({10, 20, 100});
  Node now({90, 20, 100});
  for (Node* node : {&before, &now}) {
    node->snapshot->gpus[2].state = model::DeviceState::kLost;
    node->reading(1) = Reading::Absent(Missing::kUnsupported, "Not Supported");
  }
  EXPECT_TRUE(Crosses({{kMaxOver80}}, before.report, now.report));
  EXPECT_FALSE(
      Crosses({{{MetricId::kPowerDraw, Aggregation::kMax, 80}}}, before.report, now.report));
}

TEST(Crosses, NothingWhereEitherHasNoFreshValue) {
  Node stale({100});
  stale.reading(0) = Reading::Value(100, kTaken - 3001ms);
  EXPECT_FALSE(Crosses({{kMaxOver80}}, Node({0}).report, stale.report));
  EXPECT_FALSE(Crosses({{kMaxOver80}}, stale.report, Node({0}).report));
  Node just_fresh({100});
  just_fresh.reading(0) = Reading::Value(100, kTaken - 3s);
  EXPECT_TRUE(Crosses({{kMaxOver80}}, Node({0}).report, just_fresh.report));
}

TEST(Crosses, UnresolvedDevicesHaveNoValue) {
  Node before({0});
  Node now({0});
  for (Node* node : {&before, &now}) {
    node->Pod("a", {}).report.pods[0].devices.push_back({.problem = "no such device"});
    node->report.pods[0].devices.push_back({.gpu = 7});
  }
  EXPECT_FALSE(Crosses({{kMaxOver80}}, before.report, now.report));
}

// --- Engines ---

EngineReading Value(double value, base::SteadyTime taken = kTaken) {
  return EngineReading::Value(value, taken);
}

/// A node without GPUs whose one engine says this.
NodeReport Says(EngineReading reading) {
  return Node({}).Engine("a", "queue", std::move(reading)).report;
}

const EngineReading kFault = EngineReading::Missing(model::EngineGap::kFault, "refused", kTaken);
const Interest kQueueOver5 = {{}, {{"queue", 5}}};

TEST(CrossesOfEngines, AboveIsOneSideAndAtOrBelowTheOther) {
  EXPECT_TRUE(Crosses(kQueueOver5, Says(Value(5)), Says(Value(5.5))));
  EXPECT_TRUE(Crosses(kQueueOver5, Says(Value(6)), Says(Value(5))));
  EXPECT_FALSE(Crosses(kQueueOver5, Says(Value(0)), Says(Value(5))));
  EXPECT_FALSE(Crosses(kQueueOver5, Says(Value(6)), Says(Value(100))));
  EXPECT_FALSE(Crosses({}, Says(Value(0)), Says(Value(100))));
}

TEST(CrossesOfEngines, AnyThresholdOfTheKeyCountsAndNoneOfAnother) {
  const Interest interest =
      Union({{{}, {{"queue", 5}, {"queue", 20}, {"other", 12}, {"queue", 30}, {"zzz", 12}}}});
  EXPECT_TRUE(Crosses(interest, Says(Value(19)), Says(Value(25))));
  EXPECT_TRUE(Crosses(interest, Says(Value(29)), Says(Value(31))));
  EXPECT_TRUE(Crosses(interest, Says(Value(6)), Says(Value(0))));
  EXPECT_FALSE(Crosses(interest, Says(Value(6)), Says(Value(20))));
}

TEST(CrossesOfEngines, TheFirstValueCountsWhereItIsAbove) {
  EXPECT_TRUE(Crosses(kQueueOver5, Says(EngineReading()), Says(Value(6))));
  EXPECT_TRUE(Crosses(kQueueOver5, Says(kFault), Says(Value(6))));
  EXPECT_TRUE(Crosses(kQueueOver5, Node({}).report, Says(Value(6)))) << "a pod that is new";
  EXPECT_FALSE(Crosses(kQueueOver5, Says(kFault), Says(Value(5))));
  EXPECT_FALSE(Crosses(kQueueOver5, Node({}).report, Says(Value(5))));
}

TEST(CrossesOfEngines, AValueThatIsGoneCrossesNothing) {
  EXPECT_FALSE(Crosses(kQueueOver5, Says(Value(6)), Says(kFault)));
  EXPECT_FALSE(Crosses(kQueueOver5, Says(Value(6)), Node({}).report));
}

TEST(CrossesOfEngines, AValueThatIsStaleIsNone) {
  EXPECT_FALSE(Crosses(kQueueOver5, Says(Value(0)), Says(Value(6, kTaken - 3001ms))));
  EXPECT_TRUE(Crosses(kQueueOver5, Says(Value(0)), Says(Value(6, kTaken - 3s))));
  EXPECT_TRUE(Crosses(kQueueOver5, Says(Value(6, kTaken - 3001ms)), Says(Value(6))))
      << "there was none";
  EXPECT_TRUE(Crosses(kQueueOver5, Says(Value(0)), Says(Value(6, kTaken + 1s))))
      << "engines are asked between the samples of GPUs";
}

TEST(CrossesOfEngines, EachPodIsComparedWithItself) {
  const auto node = [](double a, double b, double c) {
    return Node({})
        .Engine("a", "load", Value(50))
        .Engine("a", "queue", Value(a))
        .Engine("b", "queue", Value(b))
        .Engine("c", "queue", Value(c))
        .report;
  };
  EXPECT_FALSE(Crosses(kQueueOver5, node(0, 9, 0), node(1, 8, 2)));
  EXPECT_TRUE(Crosses(kQueueOver5, node(0, 9, 0), node(0, 9, 9)));
  EXPECT_TRUE(Crosses(kQueueOver5, node(0, 9, 0), node(9, 0, 0)));
  NodeReport without_b = node(0, 9, 0);
  without_b.engines.erase(without_b.engines.begin() + 2);
  EXPECT_FALSE(Crosses(kQueueOver5, node(0, 9, 0), without_b));
  EXPECT_TRUE(Crosses(kQueueOver5, without_b, node(0, 9, 0)));
}

}  // namespace
}  // namespace kgs::fleet
