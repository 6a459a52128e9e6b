// SPDX-License-Identifier: Apache-2.0
#include "sampling/mig_parent.h"

#include <gtest/gtest.h>

namespace kgs::sampling {
namespace {

using model::GpuSnapshot;
using model::MetricId;
using model::Missing;
using model::Reading;

constexpr base::SteadyTime kTaken{std::chrono::hours(1)};

GpuSnapshot Gpu(const std::string& uuid) {
  GpuSnapshot gpu;
  gpu.identity.uuid = uuid;
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    gpu.readings[static_cast<MetricId>(i)] = Reading::Value(100 + static_cast<double>(i), kTaken);
  }
  return gpu;
}

GpuSnapshot Mig(const std::string& uuid, const std::string& parent) {
  GpuSnapshot mig = Gpu(uuid);
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    mig.readings[static_cast<MetricId>(i)] = Reading::Value(static_cast<double>(i), kTaken);
  }
  mig.identity.mig = model::MigPlace{.parent_uuid = parent};
  return mig;
}

TEST(ShareWithMigDevices, WhatIsNotOfAnInstanceIsThatOfTheGpu) {
  // In any order.
  std::vector<GpuSnapshot> gpus = {Mig("MIG-b", "GPU-b"), Gpu("GPU-a"), Gpu("GPU-b")};
  gpus[2].readings[MetricId::kPowerDraw] = Reading::Absent(Missing::kNotPermitted, "refused");
  gpus[2].readings[MetricId::kTemperature] = Reading::Value(61, kTaken);
  ShareWithMigDevices(gpus);
  const model::Readings& mig = gpus[0].readings;
  EXPECT_EQ(mig[MetricId::kTemperature].value(), 61);
  EXPECT_EQ(mig[MetricId::kPowerDraw].reason(), Missing::kNotPermitted);
  EXPECT_EQ(mig[MetricId::kPowerDraw].detail(), "refused");
  for (const MetricId shared : {MetricId::kPcieTxKbps, MetricId::kPcieRxKbps,
                                MetricId::kNvlinkTxMbps, MetricId::kNvlinkRxMbps}) {
    EXPECT_EQ(mig[shared].value(), 100 + static_cast<double>(model::Index(shared)));
  }
  for (const MetricId own : {MetricId::kGpuUtilization, MetricId::kMemoryUsedMib,
                             MetricId::kMemoryTotalMib, MetricId::kSmUtilization}) {
    EXPECT_EQ(mig[own].value(), static_cast<double>(model::Index(own)));
  }
}

TEST(ShareWithMigDevices, WithoutTheGpuThereIsNothingToShare) {
  std::vector<GpuSnapshot> gpus = {Gpu("GPU-a"), Mig("MIG-b", "GPU-b")};
  ShareWithMigDevices(gpus);
  const Reading& temperature = gpus[1].readings[MetricId::kTemperature];
  EXPECT_EQ(temperature.reason(), Missing::kNotFound);
  EXPECT_EQ(temperature.detail(), "the GPU of this MIG device is not read");
  EXPECT_TRUE(gpus[1].readings[MetricId::kGpuUtilization].has_value());
}

TEST(ShareWithMigDevices, ALostMigDeviceTakesNothing) {
  std::vector<GpuSnapshot> gpus = {Gpu("GPU-a"), Mig("MIG-a", "GPU-a")};
  gpus[1].state = model::DeviceState::kLost;
  gpus[1].readings = {};
  ShareWithMigDevices(gpus);
  EXPECT_FALSE(gpus[1].readings[MetricId::kTemperature].has_value());
}

TEST(OfInstance, IsUtilizationAndMemory) {
  EXPECT_TRUE(OfInstance()[model::Index(MetricId::kGpuUtilization)]);
  EXPECT_TRUE(OfInstance()[model::Index(MetricId::kMemoryUsedMib)]);
  EXPECT_FALSE(OfInstance()[model::Index(MetricId::kPcieTxKbps)]);
}

}  // namespace
}  // namespace kgs::sampling
