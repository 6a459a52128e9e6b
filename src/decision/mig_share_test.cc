// SPDX-License-Identifier: Apache-2.0
//
// Workloads and nodes with MIG devices.
#include "decision/mig_share.h"

#include <gmock/gmock.h>

#include "decision/decision_test_fixture.h"
#include "decision/node_decision.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using model::MetricId;
using model::Missing;
using model::Reading;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MigShareTest : public DecisionFixture {
 protected:
  /// GPU-a with three MIG devices, of which two are compute instances of GPU instance 1, and GPU-b
  /// without MIG.
  MigShareTest() {
    node_.sequence = 1;
    Add(0, "GPU-a");
    AddMig("MIG-0", 1, 0);
    AddMig("MIG-1", 1, 1);
    AddMig("MIG-2", 2, 0);
    Add(1, "GPU-b");
  }

  model::GpuSnapshot& Add(int index, const std::string& uuid) {
    model::GpuSnapshot& gpu = node_.gpus.emplace_back();
    gpu.identity.index = index;
    gpu.identity.uuid = uuid;
    return gpu;
  }
  void AddMig(const std::string& uuid, int gpu_instance, int compute_instance) {
    Add(0, uuid).identity.mig = {"GPU-a", gpu_instance, compute_instance, "1g.5gb"};
  }
  void Read(size_t gpu, MetricId metric, double value) {
    node_.gpus[gpu].readings[metric] = Reading::Value(value, now_);
  }
  /// One replica that holds those of the node's devices.
  void Hold(const std::vector<size_t>& devices) {
    SetPods({{}});
    const auto node = std::make_shared<model::NodeSnapshot>(node_);
    for (const size_t device : devices) {
      view_.pods[0].gpus.push_back({node, device, 1, 1, kMaxAge});
    }
  }
  double NodeSum(MetricId metric) {
    spec_.metric = metric;
    spec_.aggregation = catalogue::Aggregation::kSum;
    const auto value = NodeValue(spec_, &node_, now_, kMaxAge);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.value_or(-1);
  }

  model::NodeSnapshot node_;
};

TEST_F(MigShareTest, WhatIsOfTheGpuIsSharedByAllOfItAndTheRestByTheInstance) {
  EXPECT_EQ(MigSharers(node_, node_.gpus[1], MetricId::kPowerDraw), 3);
  EXPECT_EQ(MigSharers(node_, node_.gpus[1], MetricId::kMemoryUsedMib), 2);
  EXPECT_EQ(MigSharers(node_, node_.gpus[3], MetricId::kMemoryUsedMib), 1);
  EXPECT_EQ(MigSharers(node_, node_.gpus[0], MetricId::kPowerDraw), 1);
  EXPECT_EQ(MigSharers(node_, node_.gpus[4], MetricId::kPowerDraw), 1);
}

TEST_F(MigShareTest, AnInstanceThatIsNotKnownIsSharedWithNobody) {
  for (const size_t mig : {1, 2}) node_.gpus[mig].identity.mig->gpu_instance = -1;
  EXPECT_EQ(MigSharers(node_, node_.gpus[1], MetricId::kMemoryUsedMib), 1);
  EXPECT_EQ(MigSharers(node_, node_.gpus[1], MetricId::kPowerDraw), 3);
}

TEST_F(MigShareTest, APodHasWhatItsInstanceHas) {
  Read(3, MetricId::kGpuUtilization, 70);
  Ask(MetricId::kGpuUtilization, 80);
  Hold({3});
  EXPECT_EQ(*Now().value, 70);
  EXPECT_THAT(Now().warnings, IsEmpty());
}

TEST_F(MigShareTest, TemperatureIsMarkedAsThatOfTheGpu) {
  Read(3, MetricId::kTemperature, 61);
  Ask(MetricId::kTemperature, 80);
  Hold({3});
  EXPECT_EQ(*Now().value, 61);
  EXPECT_THAT(Now().warnings,
              ElementsAre("MIG: the temperature of 1 replica is that of several MIG "
                          "devices"));
}

TEST_F(MigShareTest, PowerIsDividedByTheMigDevicesOfTheGpu) {
  Read(3, MetricId::kPowerDraw, 300);
  Ask(MetricId::kPowerDraw, 250);
  Hold({3});
  EXPECT_EQ(*Now().value, 100);
  EXPECT_THAT(Now().warnings, ElementsAre(HasSubstr("divided by their number")));
}

TEST_F(MigShareTest, ComputeInstancesShareTheirGpuInstance) {
  Read(1, MetricId::kMemoryUsedMib, 4000);
  Ask(MetricId::kMemoryUsedMib, 5000);
  Hold({1});
  EXPECT_EQ(Now().inputs.at(0).value, 2000);
  Read(1, MetricId::kSmUtilization, 80);
  Ask(MetricId::kSmUtilization, 90);
  Hold({1});
  EXPECT_EQ(*Now().value, 80);
  EXPECT_THAT(Now().warnings, ElementsAre(HasSubstr("several MIG devices")));
}

TEST_F(MigShareTest, WhatADeviceCannotGiveIsAnErrorThatSaysWhy) {
  node_.gpus[3].readings[MetricId::kGpuUtilization] =
      Reading::Absent(Missing::kUnsupported, "this GPU has no GPM, which came with Hopper");
  Ask(MetricId::kGpuUtilization, 80);
  spec_.hold = std::chrono::seconds(0);
  Hold({3});
  const Decision decision = Now();
  EXPECT_EQ(decision.branch, Branch::kBlind);
  EXPECT_THAT(std::string(decision.value.status().message()),
              AllOf(HasSubstr("GPU 0 (MIG-2)"), HasSubstr("no GPM")));
}

TEST_F(MigShareTest, TheNodeCountsWhatIsOfTheGpuOnce) {
  Read(0, MetricId::kPowerDraw, 300);
  for (const size_t mig : {1, 2, 3}) Read(mig, MetricId::kPowerDraw, 300);
  Read(4, MetricId::kPowerDraw, 50);
  EXPECT_EQ(NodeSum(MetricId::kPowerDraw), 350);
}

TEST_F(MigShareTest, TheNodeCountsMemoryByInstance) {
  node_.gpus[0].readings[MetricId::kMemoryUsedMib] =
      Reading::Absent(Missing::kUnsupported, "MIG is enabled");
  Read(1, MetricId::kMemoryUsedMib, 1000);
  Read(2, MetricId::kMemoryUsedMib, 1000);
  Read(3, MetricId::kMemoryUsedMib, 500);
  Read(4, MetricId::kMemoryUsedMib, 20);
  EXPECT_EQ(NodeSum(MetricId::kMemoryUsedMib), 1520) << "two of them see the same memory";
}

TEST_F(MigShareTest, WhatIsOfALostGpuIsAnErrorWhileItsDevicesAreThere) {
  node_.gpus.pop_back();
  for (const size_t mig : {1, 2, 3}) Read(mig, MetricId::kTemperature, 50);
  Read(0, MetricId::kTemperature, 50);
  node_.gpus[0].state = model::DeviceState::kLost;
  spec_.metric = MetricId::kTemperature;
  const auto value = NodeValue(spec_, &node_, now_, kMaxAge);
  EXPECT_EQ(value.status().message(),
            "no fresh temperature of every selected GPU: GPU 0 (GPU-a) is lost");
}

TEST_F(MigShareTest, AGpuWithoutItsReadingIsMissedOnce) {
  node_.gpus[0].readings[MetricId::kTemperature] = Reading::Absent(Missing::kDriverError, "broken");
  Read(4, MetricId::kTemperature, 50);
  spec_.metric = MetricId::kTemperature;
  const auto value = NodeValue(spec_, &node_, now_, kMaxAge);
  EXPECT_EQ(value.status().message(),
            "no fresh temperature of every selected GPU: GPU 0 (GPU-a): broken");
}

}  // namespace
}  // namespace kgs::decision
