// SPDX-License-Identifier: Apache-2.0
#include "http/debug_page.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace kgs::http {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class DebugPageTest : public ::testing::Test {
 protected:
  /// That of node-a's one GPU.
  json Gpu() const {
    auto snapshot = std::make_shared<model::NodeSnapshot>();
    snapshot->gpus = {gpu_};
    auto report = std::make_shared<model::NodeReport>();
    report->snapshot = snapshot;
    DebugInput input{.now = now_};
    input.nodes["node-a"].report = report;
    return json::parse(DebugNodesPage(input).body).at("nodes").at(0).at("gpus").at(0);
  }

  const base::SteadyTime now_{1000s};
  model::GpuSnapshot gpu_;
};

TEST_F(DebugPageTest, OfAGpuThatIsWellThereIsNothingOfHealth) {
  const json gpu = Gpu();
  EXPECT_FALSE(gpu.contains("xids"));
  EXPECT_FALSE(gpu.contains("recovery_action"));
  EXPECT_FALSE(gpu.contains("pod_uses"));
}

TEST_F(DebugPageTest, XidsAndTheRecoveryActionStandAtTheGpu) {
  gpu_.health = {"gpu_reset", {{79, 2, now_ - 60s}, {31, 1, now_ - 2h}}};
  const json gpu = Gpu();
  EXPECT_EQ(gpu["recovery_action"], "gpu_reset");
  EXPECT_EQ(gpu["xids"], json::parse(R"([{"code":79,"count":2,"age_seconds":60.0},
                                         {"code":31,"count":1,"age_seconds":7200.0}])"));
}

TEST_F(DebugPageTest, WhatPodsUseStandsAtTheGpu) {
  gpu_.pod_uses = model::PodUses{now_ - 1s, {{"a", 30, 512}, {"b", 0, {}}}, "", "", now_ - 3s};
  EXPECT_EQ(Gpu()["pod_uses"],
            json::parse(R"({"utilization_age_seconds":3.0,"memory_age_seconds":1.0,"pods":[
                            {"uid":"a","utilization":30.0,"memory_mib":512.0},
                            {"uid":"b","utilization":0.0}]})"));
}

TEST_F(DebugPageTest, WhatPodsUseIsNotShownWhereItIsNotKnown) {
  gpu_.pod_uses = model::PodUses{now_ - 1s, {{"a", 30, 512}}, "", "nvmlX: Not Supported"};
  EXPECT_EQ(Gpu()["pod_uses"], json::parse(R"({"utilization_problem":"nvmlX: Not Supported",
                            "memory_age_seconds":1.0,"pods":[{"uid":"a","memory_mib":512.0}]})"));
  gpu_.pod_uses = model::PodUses{now_, {}, "no list", "no samples"};
  EXPECT_EQ(Gpu()["pod_uses"], json::parse(R"({"utilization_problem":"no samples",
                                               "memory_problem":"no list","pods":[]})"));
}

}  // namespace
}  // namespace kgs::http
