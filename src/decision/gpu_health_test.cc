// SPDX-License-Identifier: Apache-2.0
#include "decision/gpu_health.h"

#include <gmock/gmock.h>

#include "decision/decision_test_fixture.h"
#include "decision/problem_text.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class GpuHealthTest : public DecisionFixture {
 protected:
  template <typename Change>
  void ChangeNode(size_t pod, Change change) {
    auto node = std::make_shared<model::NodeSnapshot>(*view_.pods[pod].gpus[0].node);
    change(*node);
    for (model::PodGpu& gpu : view_.pods[pod].gpus) gpu.node = node;
  }
  void SetXids(size_t pod, std::vector<model::XidCount> xids) {
    ChangeNode(pod, [&](model::NodeSnapshot& node) { node.gpus[0].health.xids = std::move(xids); });
  }
  std::vector<std::string> Warned() const { return Now().warnings; }
};

TEST_F(GpuHealthTest, AnXidThatIsNotTheApplicationsIsSaidForAnHour) {
  SetPods({{50}, {60}});
  EXPECT_THAT(Warned(), IsEmpty());
  SetXids(1, {{.code = 79, .count = 1, .last = now_}});
  ASSERT_THAT(
      Warned(),
      ElementsAre(AllOf(HasSubstr("GPU trouble: pod default/web-1: GPU 0"),
                        HasSubstr("had within the last hour XID 79 (once since its agent started)"),
                        Not(HasSubstr("web-0")))));
  const std::vector<std::string> words = Warned();
  Pass(59min);
  EXPECT_EQ(Warned(), words) << "the same words";
  Pass(1min);
  EXPECT_EQ(Warned(), words);
  Pass(1s);
  EXPECT_THAT(Warned(), IsEmpty());
  SetXids(1, {{.code = 79, .count = 2, .last = now_}});
  EXPECT_THAT(
      Warned(),
      ElementsAre(HasSubstr("had within the last hour XID 79 (2 times since its agent started)")));
}

TEST_F(GpuHealthTest, WhatIsTheApplicationsIsPassedOver) {
  SetPods({{50}});
  std::vector<model::XidCount> xids;
  for (const uint64_t code : {13, 31, 43, 45, 68, 109}) {
    xids.push_back({.code = code, .count = 5, .last = now_});
  }
  SetXids(0, xids);
  EXPECT_THAT(Warned(), IsEmpty());
  xids.push_back({.code = 119, .count = 1, .last = now_});
  SetXids(0, xids);
  EXPECT_THAT(Warned(), ElementsAre(AllOf(HasSubstr("XID 119"), Not(HasSubstr("XID 13")))));
}

TEST_F(GpuHealthTest, ARecoveryActionIsSaidWhileItStands) {
  SetPods({{50}});
  ChangeNode(0,
             [](model::NodeSnapshot& node) { node.gpus[0].health.recovery_action = "gpu_reset"; });
  EXPECT_THAT(Warned(), ElementsAre(HasSubstr("its driver asks for: gpu_reset")));
  Pass(24h);
  EXPECT_THAT(Warned(), ElementsAre(HasSubstr("its driver asks for: gpu_reset")));
}

TEST_F(GpuHealthTest, OfAMigDeviceThatOfItsGpuIsSaidToo) {
  SetPods({{50}});
  ChangeNode(0, [this](model::NodeSnapshot& node) {
    node.gpus[0].identity.uuid = "MIG-1";
    node.gpus[0].identity.mig = model::MigPlace{.parent_uuid = "GPU-1"};
    model::GpuSnapshot& parent = node.gpus.emplace_back();
    parent.identity.uuid = "GPU-1";
    parent.health.xids = {{.code = 79, .count = 1, .last = now_}};
  });
  EXPECT_THAT(Warned(), ElementsAre(HasSubstr("(GPU-1) had within the last hour XID 79 (once")));
}

TEST_F(GpuHealthTest, ManyAreCounted) {
  SetPods({{50}, {50}, {50}, {50}, {50}});
  for (size_t i = 0; i < 5; ++i) SetXids(i, {{.code = 79, .count = 1, .last = now_}});
  ASSERT_EQ(Warned().size(), 1u);
  EXPECT_THAT(Warned()[0], AllOf(HasSubstr("pod default/web-2"), HasSubstr("and 2 more")));
  EXPECT_LE(Warned()[0].size(), kLongestMessage);
}

TEST_F(GpuHealthTest, TheReasonOfALostGpuStandsInTheRecord) {
  SetPods({{50}});
  Watch(1s);
  ChangeNode(0, [this](model::NodeSnapshot& node) {
    node.gpus[0].state = model::DeviceState::kLost;
    node.gpus[0].state_reason = "nvmlDeviceGetPowerUsage: GPU is lost";
    node.gpus[0].health.xids = {{.code = 79, .count = 1, .last = now_}};
  });
  const Decision decision = Now();
  ASSERT_EQ(decision.inputs.size(), 1u);
  EXPECT_THAT(decision.inputs[0].why, HasSubstr("is lost: nvmlDeviceGetPowerUsage: GPU is lost"));
  EXPECT_THAT(decision.warnings, ElementsAre(HasSubstr("XID 79")))
      << "what was the matter with it, though it is not measured";
}

}  // namespace
}  // namespace kgs::decision
