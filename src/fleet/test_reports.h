// SPDX-License-Identifier: Apache-2.0
//
// Reports for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "model/node_report.h"

namespace kgs::fleet::testing {

inline constexpr base::SteadyTime kTaken{std::chrono::seconds(5000)};

inline std::string UuidOf(size_t gpu) {
  return "GPU-00000000-0000-0000-0000-00000000000" + std::to_string(gpu);
}

/// GPUs with these utilizations, all read at \p taken.
inline std::shared_ptr<model::NodeReport> PlainReport(const std::string& node,
                                                      const std::vector<double>& utilizations,
                                                      base::SteadyTime taken) {
  auto snapshot = std::make_shared<model::NodeSnapshot>();
  snapshot->sequence = 1;
  snapshot->taken = taken;
  for (const double utilization : utilizations) {
    model::GpuSnapshot& gpu = snapshot->gpus.emplace_back();
    gpu.identity.index = static_cast<int>(snapshot->gpus.size()) - 1;
    gpu.identity.uuid = UuidOf(snapshot->gpus.size() - 1);
    gpu.readings[model::MetricId::kGpuUtilization] = model::Reading::Value(utilization, taken);
  }
  auto report = std::make_shared<model::NodeReport>();
  report->node = node;
  report->snapshot = std::move(snapshot);
  report->max_reading_age = std::chrono::seconds(3);
  return report;
}

/// A value of each kind, and each reason why there is none.
inline std::vector<model::PodEngineReading> RichEngines(base::SteadyTime taken) {
  using model::EngineReading;
  using std::chrono::milliseconds;
  std::vector<model::PodEngineReading> engines = {
      {"uid-a", "signal=\"vllm_demand\"", EngineReading::Value(12.5, taken - milliseconds(300)),
       milliseconds(3000)},
      {"uid-a", "signal=\"vllm_running\"", EngineReading::Value(0, taken + milliseconds(2)),
       milliseconds(15000)}};
  for (const model::EngineGap gap : model::kEngineGaps) {
    engines.push_back({"uid-b", std::string(model::EngineGapName(gap)),
                       EngineReading::Missing(gap, "vllm:x: looked for", taken),
                       milliseconds(3000)});
  }
  std::sort(engines.begin() + 2, engines.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  return engines;
}

/// One of everything that a report can hold, but for engines.
inline std::shared_ptr<model::NodeReport> RichReport(const std::string& node,
                                                     base::SteadyTime taken) {
  using model::MetricId;
  using model::Missing;
  using model::Reading;
  using std::chrono::milliseconds;
  auto report = PlainReport(node, {80, 0.25, 0}, taken);
  auto snapshot = std::make_shared<model::NodeSnapshot>(*report->snapshot);
  snapshot->sequence = 42;
  snapshot->sources = {{.backend = "nvml", .open = true, .driver_version = "550.54.15"},
                       {.backend = "rocm", .problem = "librocm_smi64.so.1: not found"}};
  model::GpuSnapshot& full = snapshot->gpus[0];
  full.identity.name = "NVIDIA H100 80GB HBM3";
  full.identity.minor_number = 3;
  full.identity.pci_bus_id = "00000000:65:00.0";
  full.identity.drm_card = 0;
  full.readings[MetricId::kMemoryUsedMib] = Reading::Value(1234.5, taken - milliseconds(700));
  full.readings[MetricId::kTemperature] = Reading::Value(61, taken + milliseconds(2));
  full.readings[MetricId::kPowerDraw] = Reading::Absent(Missing::kUnsupported, "Not Supported");
  full.readings[MetricId::kMemoryUtilization] =
      Reading::Value(7, taken - milliseconds(1500)).WithDetail("nvmlX: Not Found");
  full.readings[MetricId::kPcieTxKbps] = Reading::Absent(Missing::kNotRequested, "blocks");
  full.readings[MetricId::kNvlinkRxMbps] = Reading::Value(52000.5, taken);
  full.pod_uses = {taken - milliseconds(3), {{"uid-a", 12.5, 2048}, {"uid-b", 0, {}}}, "", ""};
  full.health = {"reset", {{79, 2, kTaken - milliseconds(60000)}, {94, 1, kTaken}}};
  model::GpuSnapshot& mig = snapshot->gpus[1];
  mig.identity.mig = {UuidOf(0), 7, 0, "1g.5gb"};
  mig.pod_uses = {taken, {{"uid-a", 0, 0.5}}, "", "nvmlX: Not Supported"};
  mig.hung_call = "nvmlDeviceGetPowerUsage";
  mig.readings[MetricId::kPowerDraw] = Reading::Absent(Missing::kDriverError, "Unknown Error");
  mig.readings[MetricId::kTemperature] = Reading::Absent(Missing::kStale, "");
  model::GpuSnapshot& lost = snapshot->gpus[2];
  lost.state = model::DeviceState::kLost;
  lost.state_reason = "nvmlDeviceGetUtilizationRates: GPU is lost";
  lost.readings = model::Readings();
  report->snapshot = std::move(snapshot);
  report->pods_listed = true;
  report->listed = {taken - milliseconds(4000), 1700000000123};
  report->listing_problem = "the kubelet cannot be reached";
  report->pods = {
      {.pod = {"default", "a"}, .listed = report->listed, .devices = {{.gpu = 0}, {.gpu = 1}}},
      {.pod = {"default", "b"},
       .listed = {taken - milliseconds(9000), 1699999995123},
       .devices = {{.problem = "GPU-9: no such GPU"},
                   {.gpu = 2,
                    .dra = model::DraDevice{"gpu.nvidia.com", "node-a", "gpu-2"},
                    .shares = 2,
                    .all_shares = 5}}}};
  return report;
}

inline void ExpectSameReading(const model::Reading& actual, const model::Reading& expected,
                              base::Duration shift) {
  ASSERT_EQ(actual.has_value(), expected.has_value());
  EXPECT_EQ(actual.detail(), expected.detail());
  if (expected.has_value()) {
    EXPECT_EQ(actual.value(), expected.value());
    EXPECT_EQ(actual.taken(), expected.taken() + shift);
  } else {
    EXPECT_EQ(actual.reason(), expected.reason());
  }
}

inline void ExpectSameUses(const model::PodUses& actual, const model::PodUses& expected,
                           base::Duration shift) {
  EXPECT_EQ(actual.taken, expected.taken + shift);
  EXPECT_EQ(actual.UtilizationTaken(), expected.UtilizationTaken() + shift);
  EXPECT_EQ(actual.memory_problem, expected.memory_problem);
  EXPECT_EQ(actual.utilization_problem, expected.utilization_problem);
  ASSERT_EQ(actual.pods.size(), expected.pods.size());
  for (size_t i = 0; i < expected.pods.size(); ++i) {
    EXPECT_EQ(actual.pods[i].pod_uid, expected.pods[i].pod_uid);
    EXPECT_EQ(actual.pods[i].utilization, expected.pods[i].utilization);
    EXPECT_EQ(actual.pods[i].memory_mib, expected.pods[i].memory_mib);
  }
}

inline void ExpectSameGpu(const model::GpuSnapshot& actual, const model::GpuSnapshot& expected,
                          base::Duration shift) {
  EXPECT_EQ(actual.identity.index, expected.identity.index);
  EXPECT_EQ(actual.identity.uuid, expected.identity.uuid);
  EXPECT_EQ(actual.identity.name, expected.identity.name);
  EXPECT_EQ(actual.identity.minor_number, expected.identity.minor_number);
  EXPECT_EQ(actual.identity.pci_bus_id, expected.identity.pci_bus_id);
  EXPECT_EQ(actual.identity.drm_card, expected.identity.drm_card);
  ASSERT_EQ(actual.identity.mig.has_value(), expected.identity.mig.has_value());
  if (expected.identity.mig) {
    EXPECT_EQ(actual.identity.mig->parent_uuid, expected.identity.mig->parent_uuid);
    EXPECT_EQ(actual.identity.mig->gpu_instance, expected.identity.mig->gpu_instance);
    EXPECT_EQ(actual.identity.mig->compute_instance, expected.identity.mig->compute_instance);
    EXPECT_EQ(actual.identity.mig->profile, expected.identity.mig->profile);
  }
  EXPECT_EQ(actual.state, expected.state);
  EXPECT_EQ(actual.state_reason, expected.state_reason);
  EXPECT_EQ(actual.hung_call, expected.hung_call);
  EXPECT_EQ(actual.health.recovery_action, expected.health.recovery_action);
  ASSERT_EQ(actual.health.xids.size(), expected.health.xids.size());
  for (size_t i = 0; i < expected.health.xids.size(); ++i) {
    EXPECT_EQ(actual.health.xids[i].code, expected.health.xids[i].code);
    EXPECT_EQ(actual.health.xids[i].count, expected.health.xids[i].count);
    EXPECT_EQ(actual.health.xids[i].last, expected.health.xids[i].last + shift);
  }
  ASSERT_EQ(actual.pod_uses.has_value(), expected.pod_uses.has_value());
  if (expected.pod_uses) ExpectSameUses(*actual.pod_uses, *expected.pod_uses, shift);
  for (size_t metric = 0; metric < model::kMetricCount; ++metric) {
    SCOPED_TRACE("metric " + std::to_string(metric));
    const auto id = static_cast<model::MetricId>(metric);
    ExpectSameReading(actual.readings[id], expected.readings[id], shift);
  }
}

inline void ExpectSameListing(const model::ListingTime& actual, const model::ListingTime& expected,
                              base::Duration shift) {
  EXPECT_EQ(actual.steady, expected.steady + shift);
  EXPECT_EQ(actual.unix_ms, expected.unix_ms);
}

inline void ExpectSameEngine(const model::PodEngineReading& actual,
                             const model::PodEngineReading& expected, base::Duration shift) {
  EXPECT_EQ(actual.pod_uid, expected.pod_uid);
  EXPECT_EQ(actual.key, expected.key);
  EXPECT_EQ(actual.max_age, expected.max_age);
  EXPECT_EQ(actual.reading.taken(), expected.reading.taken() + shift);
  ASSERT_EQ(actual.reading.has_value(), expected.reading.has_value());
  if (expected.reading.has_value()) {
    EXPECT_EQ(actual.reading.value(), expected.reading.value());
  } else {
    EXPECT_EQ(actual.reading.gap(), expected.reading.gap());
    EXPECT_EQ(actual.reading.detail(), expected.reading.detail());
  }
}

/// \p actual is \p expected with all times \p shift later.
inline void ExpectSame(const model::NodeReport& actual, const model::NodeReport& expected,
                       base::Duration shift) {
  EXPECT_EQ(actual.node, expected.node);
  EXPECT_EQ(actual.max_reading_age, expected.max_reading_age);
  EXPECT_EQ(actual.snapshot->sequence, expected.snapshot->sequence);
  EXPECT_EQ(actual.snapshot->taken, expected.snapshot->taken + shift);
  ASSERT_EQ(actual.snapshot->sources.size(), expected.snapshot->sources.size());
  for (size_t i = 0; i < expected.snapshot->sources.size(); ++i) {
    EXPECT_EQ(actual.snapshot->sources[i].backend, expected.snapshot->sources[i].backend);
    EXPECT_EQ(actual.snapshot->sources[i].open, expected.snapshot->sources[i].open);
    EXPECT_EQ(actual.snapshot->sources[i].problem, expected.snapshot->sources[i].problem);
    EXPECT_EQ(actual.snapshot->sources[i].driver_version,
              expected.snapshot->sources[i].driver_version);
  }
  ASSERT_EQ(actual.snapshot->gpus.size(), expected.snapshot->gpus.size());
  for (size_t i = 0; i < expected.snapshot->gpus.size(); ++i) {
    SCOPED_TRACE("GPU " + std::to_string(i));
    ExpectSameGpu(actual.snapshot->gpus[i], expected.snapshot->gpus[i], shift);
  }
  ASSERT_EQ(actual.engines.size(), expected.engines.size());
  for (size_t i = 0; i < expected.engines.size(); ++i) {
    SCOPED_TRACE("engine reading " + std::to_string(i));
    ExpectSameEngine(actual.engines[i], expected.engines[i], shift);
  }
  EXPECT_EQ(actual.pods_listed, expected.pods_listed);
  EXPECT_EQ(actual.listing_problem, expected.listing_problem);
  if (expected.pods_listed) ExpectSameListing(actual.listed, expected.listed, shift);
  ASSERT_EQ(actual.pods.size(), expected.pods.size());
  for (size_t i = 0; i < expected.pods.size(); ++i) {
    SCOPED_TRACE("pod " + std::to_string(i));
    EXPECT_EQ(actual.pods[i].pod, expected.pods[i].pod);
    ExpectSameListing(actual.pods[i].listed, expected.pods[i].listed, shift);
    ASSERT_EQ(actual.pods[i].devices.size(), expected.pods[i].devices.size());
    for (size_t j = 0; j < expected.pods[i].devices.size(); ++j) {
      const model::HeldDevice& device = actual.pods[i].devices[j];
      const model::HeldDevice& expected_device = expected.pods[i].devices[j];
      EXPECT_EQ(device.gpu, expected_device.gpu);
      EXPECT_EQ(device.problem, expected_device.problem);
      EXPECT_EQ(device.dra, expected_device.dra);
      EXPECT_EQ(device.shares, expected_device.shares);
      EXPECT_EQ(device.all_shares, expected_device.all_shares);
    }
  }
}

}  // namespace kgs::fleet::testing
