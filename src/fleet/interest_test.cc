// SPDX-License-Identifier: Apache-2.0
#include "fleet/interest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using catalogue::Aggregation;
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
  Reading& reading(size_t gpu) { return snapshot->gpus[gpu].readings[MetricId::kGpuUtilization]; }
};

TEST(Union, IsSortedAndHasEachOnce) {
  EXPECT_THAT(Union({{kMaxOver80}, {}, {kAvgOver50, kMaxOver80}}),
              ElementsAre(kMaxOver80, kAvgOver50));
  EXPECT_TRUE(Union({}).empty());
}

TEST(Crosses, AboveIsOneSideAndAtOrBelowTheOther) {
  EXPECT_TRUE(Crosses({kMaxOver80}, Node({80}).report, Node({80.5}).report));
  EXPECT_TRUE(Crosses({kMaxOver80}, Node({81}).report, Node({80}).report));
  EXPECT_FALSE(Crosses({kMaxOver80}, Node({79}).report, Node({80}).report));
  EXPECT_FALSE(Crosses({kMaxOver80}, Node({81}).report, Node({100}).report));
  EXPECT_FALSE(Crosses({}, Node({0}).report, Node({100}).report));
}

TEST(Crosses, AnyThresholdOfAnAggregateCounts) {
  Interest interest;
  for (const double threshold : {10, 20, 80, 90}) {
    interest.push_back({MetricId::kGpuUtilization, Aggregation::kMax, threshold});
  }
  EXPECT_TRUE(Crosses(interest, Node({79}).report, Node({85}).report));
  EXPECT_TRUE(Crosses(interest, Node({15}).report, Node({5}).report));
  EXPECT_FALSE(Crosses(interest, Node({21}).report, Node({80}).report));
}

TEST(Crosses, OfTheNode) {
  EXPECT_TRUE(Crosses({kAvgOver50}, Node({100, 0}).report, Node({100, 1}).report));
  EXPECT_FALSE(Crosses({kMaxOver80}, Node({100, 0}).report, Node({0, 100}).report));
}

TEST(Crosses, OfAPodThatIsInBoth) {
  const auto node = [](double first, double second) {
    return Node({first, second}).Pod("a", {0}).Pod("b", {1}).report;
  };
  EXPECT_TRUE(Crosses({kMaxOver80}, node(100, 0), node(0, 100)));
  EXPECT_FALSE(Crosses({kMaxOver80}, node(100, 0), Node({0, 100}).Pod("c", {1}).report));
  EXPECT_TRUE(Crosses({kMaxOver80}, node(100, 0), Node({0, 100}).Pod("b", {1}).report));
}

TEST(Crosses, APodThatGotAnotherGpuIsStillThatPod) {
  EXPECT_TRUE(Crosses({kMaxOver80}, Node({100, 0}).Pod("a", {0}).report,
                      Node({100, 0}).Pod("a", {1}).report));
}

TEST(Crosses, LeavesOutALostGpuAndOneWithoutTheMetric) {
  Node before({10, 20, 100});
  Node now({90, 20, 100});
  for (Node* node : {&before, &now}) {
    node->snapshot->gpus[2].state = model::DeviceState::kLost;
    node->reading(1) = Reading::Absent(Missing::kUnsupported, "Not Supported");
  }
  EXPECT_TRUE(Crosses({kMaxOver80}, before.report, now.report));
  EXPECT_FALSE(Crosses({{MetricId::kPowerDraw, Aggregation::kMax, 80}}, before.report, now.report));
}

TEST(Crosses, NothingWhereEitherHasNoFreshValue) {
  Node stale({100});
  stale.reading(0) = Reading::Value(100, kTaken - 3001ms);
  EXPECT_FALSE(Crosses({kMaxOver80}, Node({0}).report, stale.report));
  EXPECT_FALSE(Crosses({kMaxOver80}, stale.report, Node({0}).report));
  Node just_fresh({100});
  just_fresh.reading(0) = Reading::Value(100, kTaken - 3s);
  EXPECT_TRUE(Crosses({kMaxOver80}, Node({0}).report, just_fresh.report));
}

TEST(Crosses, UnresolvedDevicesHaveNoValue) {
  Node before({0});
  Node now({0});
  for (Node* node : {&before, &now}) {
    node->Pod("a", {}).report.pods[0].devices.push_back({.problem = "no such device"});
    node->report.pods[0].devices.push_back({.gpu = 7});
  }
  EXPECT_FALSE(Crosses({kMaxOver80}, before.report, now.report));
}

}  // namespace
}  // namespace kgs::fleet
