// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/device.h"

#include <set>

#include "gpu/rocm/rocm_test_fixture.h"

namespace kgs::gpu::rocm {
namespace {

using model::DeviceState;
using model::MetricId;
using model::Missing;

constexpr char kTwoGpus[] = "gpu\n power_uw 100000000\ngpu\n power_uw 200000000\n";

using DeviceTest = RocmTest;

TEST_F(DeviceTest, ReadsEveryMetricThatAmdOffers) {
  const Session session = Open(
      "gpu\n busy 50\n mem_busy 20\n vram_total_mib 1000\n vram_used_mib 250\n edge_mc 61500\n"
      " power_uw 123456000\n");
  const DeviceSample sample = Read(session);
  EXPECT_EQ(sample.state, DeviceState::kPresent);
  EXPECT_FALSE(sample.session_broken);
  EXPECT_THAT(sample.readings[MetricId::kGpuUtilization], IsValue(50));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUtilization], IsValue(20));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedMib], IsValue(250));
  EXPECT_THAT(sample.readings[MetricId::kMemoryTotalMib], IsValue(1000));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedPercent], IsValue(25));
  EXPECT_THAT(sample.readings[MetricId::kTemperature], IsValue(61.5));
  EXPECT_THAT(sample.readings[MetricId::kPowerDraw], IsValue(123.456));
  EXPECT_EQ(sample.readings[MetricId::kPowerDraw].taken(), clock_.Now());
}

TEST_F(DeviceTest, WhatAmdDoesNotOfferSaysSo) {
  const std::set<MetricId> offered = {MetricId::kGpuUtilization,    MetricId::kMemoryUtilization,
                                      MetricId::kMemoryUsedMib,     MetricId::kMemoryTotalMib,
                                      MetricId::kMemoryUsedPercent, MetricId::kTemperature,
                                      MetricId::kPowerDraw};
  const DeviceSample sample = Read(Open("gpu\n"));
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    const auto metric = static_cast<MetricId>(i);
    if (offered.count(metric) == 1) {
      EXPECT_TRUE(sample.readings[metric].has_value()) << i;
    } else {
      EXPECT_THAT(sample.readings[metric],
                  IsAbsent(Missing::kUnsupported, "rocm: not offered by AMD GPUs"));
    }
  }
}

TEST_F(DeviceTest, ReadsGpusApart) {
  const Session session = Open(kTwoGpus);
  EXPECT_THAT(Read(session, 0).readings[MetricId::kPowerDraw], IsValue(100));
  EXPECT_THAT(Read(session, 1).readings[MetricId::kPowerDraw], IsValue(200));
}

TEST_F(DeviceTest, ZeroIsAValueToo) {
  const Session session = Open("gpu\n power_uw 0\n edge_mc -5000\n");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(0));
  EXPECT_THAT(Read(session, MetricId::kPowerDraw), IsValue(0));
  EXPECT_THAT(Read(session, MetricId::kTemperature), IsValue(-5));
}

TEST_F(DeviceTest, NumbersThatCannotBeAreAbsent) {
  const Session session = Open(
      "gpu\n busy 101\n mem_busy 4294967295\n vram_total_mib 10\n vram_used_mib 11\n"
      " edge_mc 250001\n power_uw 100000000001\n");
  const DeviceSample sample = Read(session);
  const auto nonsense = [](const std::string& call, const std::string& what) {
    return IsAbsent(Missing::kDriverError, call + ": the driver answered " + what);
  };
  EXPECT_THAT(sample.readings[MetricId::kGpuUtilization],
              nonsense("rsmi_dev_busy_percent_get", "a utilization outside 0..100"));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUtilization],
              nonsense("rsmi_dev_memory_busy_percent_get", "a utilization outside 0..100"));
  for (const MetricId metric :
       {MetricId::kMemoryUsedMib, MetricId::kMemoryTotalMib, MetricId::kMemoryUsedPercent}) {
    EXPECT_THAT(sample.readings[metric],
                nonsense("rsmi_dev_memory_usage_get", "more used than there is"));
  }
  EXPECT_THAT(sample.readings[MetricId::kTemperature],
              nonsense("rsmi_dev_temp_metric_get", "a temperature outside -100..250 C"));
  EXPECT_THAT(sample.readings[MetricId::kPowerDraw],
              nonsense("rsmi_dev_power_get", "more than 100 kW"));
  Script("gpu\n vram_total_mib 0\n");
  EXPECT_THAT(Read(session, MetricId::kMemoryUsedPercent),
              nonsense("rsmi_dev_memory_total_get", "a total of 0"));
}

struct FailureCase {
  int status;
  Missing missing;
  const char* text;
};

TEST_F(DeviceTest, AFailedCallCostsItsOwnMetricAndIsMadeAgain) {
  const FailureCase cases[] = {
      {2, Missing::kUnsupported, "Not supported"},
      {9, Missing::kUnsupported, "Not yet implemented"},
      {3, Missing::kDriverError, "File error"},
      {4, Missing::kNotPermitted, "Permission denied"},
      {14, Missing::kNotReady, "No data"},
      {15, Missing::kDriverError, "Unexpected data"},
      {16, Missing::kNotReady, "Busy"},
      {4711, Missing::kDriverError, "Unknown error (status 4711)"},
      {1, Missing::kDriverError, "Invalid arguments"},
  };
  for (const FailureCase& failure : cases) {
    const Session session = Open(kTwoGpus);
    Script("gpu\n error rsmi_dev_busy_percent_get " + std::to_string(failure.status) +
           "\ngpu\n busy 7\n");
    const DeviceSample sample = Read(session);
    EXPECT_FALSE(sample.session_broken) << failure.text;
    EXPECT_THAT(
        sample.readings[MetricId::kGpuUtilization],
        IsAbsent(failure.missing, std::string("rsmi_dev_busy_percent_get: ") + failure.text));
    EXPECT_THAT(sample.readings[MetricId::kTemperature], IsValue(40));
    EXPECT_THAT(Read(session, 1).readings[MetricId::kGpuUtilization], IsValue(7));
    Script("gpu\n busy 8\ngpu\n");
    EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(8));
  }
}

TEST_F(DeviceTest, MemoryWithoutATotalOrWithoutAUsage) {
  const Session session = Open("gpu\n error rsmi_dev_memory_total_get 2\n vram_used_mib 5\n");
  DeviceSample sample = Read(session);
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedMib], IsValue(5));
  const auto no_total = IsAbsent(Missing::kUnsupported, "rsmi_dev_memory_total_get: Not supported");
  EXPECT_THAT(sample.readings[MetricId::kMemoryTotalMib], no_total);
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedPercent], no_total);
  Script("gpu\n error rsmi_dev_memory_usage_get 16\n vram_total_mib 5\n");
  sample = Read(session);
  const auto no_usage = IsAbsent(Missing::kNotReady, "rsmi_dev_memory_usage_get: Busy");
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedMib], no_usage);
  EXPECT_THAT(sample.readings[MetricId::kMemoryTotalMib], IsValue(5));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedPercent], no_usage);
}

TEST_F(DeviceTest, JunctionWhereThereIsNoEdge) {
  const Session session = Open("gpu\n no_edge\n junction_mc 71000\n");
  EXPECT_THAT(Read(session, MetricId::kTemperature), IsValue(71));
  // It stays: the edge is cooler, and nothing cooled down.
  Script("gpu\n edge_mc 50000\n junction_mc 72000\n");
  EXPECT_THAT(Read(session, MetricId::kTemperature), IsValue(72));
}

TEST_F(DeviceTest, JunctionDoesNotStandInForAnEdgeThatFailsOrGoes) {
  const Session session = Open("gpu\n error rsmi_dev_temp_metric_get 16\n");
  EXPECT_THAT(Read(session, MetricId::kTemperature),
              IsAbsent(Missing::kNotReady, "rsmi_dev_temp_metric_get: Busy"));
  Script("gpu\n edge_mc 50000\n");
  EXPECT_THAT(Read(session, MetricId::kTemperature), IsValue(50));
  Script("gpu\n no_edge\n");
  EXPECT_THAT(Read(session, MetricId::kTemperature),
              IsAbsent(Missing::kUnsupported, "rsmi_dev_temp_metric_get: Not supported"));
  EXPECT_THAT(Read(Open("gpu\n no_edge\n no_junction\n"), MetricId::kTemperature),
              IsAbsent(Missing::kUnsupported, "rsmi_dev_temp_metric_get: Not supported"));
}

TEST_F(DeviceTest, TheAverageStandsInForThePresentPower) {
  const Session session = Open("gpu\n error rsmi_dev_power_get 2\n average_power_uw 77000000\n");
  EXPECT_THAT(Read(session, MetricId::kPowerDraw), IsValue(77));
  const auto calls = Calls("rsmi_dev_power_get");
  Script("gpu\n average_power_uw 78000000\n");
  EXPECT_THAT(Read(session, MetricId::kPowerDraw), IsValue(78)) << "one source a session";
  EXPECT_EQ(Calls("rsmi_dev_power_get"), calls);
}

TEST_F(DeviceTest, TheAverageDoesNotStandInForAFailure) {
  const Session session = Open("gpu\n error rsmi_dev_power_get 16\n");
  EXPECT_THAT(Read(session, MetricId::kPowerDraw),
              IsAbsent(Missing::kNotReady, "rsmi_dev_power_get: Busy"));
  Script("gpu\n");
  EXPECT_THAT(Read(session, MetricId::kPowerDraw), IsValue(60));
}

TEST_F(DeviceTest, SysfsStandsInWhereTheLibraryHasNoPower) {
  constexpr char kNeither[] = "error rsmi_dev_power_get 2\nerror rsmi_dev_power_ave_get 2\ngpu\n";
  const Session session = Open(kNeither);
  EXPECT_THAT(Read(session, MetricId::kPowerDraw),
              IsAbsent(Missing::kUnsupported, "hwmon has neither power1_average nor power1_input"));
  testing::FakeSysfs::Write(first_ / "hwmon/hwmon3/name", "amdgpu");
  testing::FakeSysfs::Write(first_ / "hwmon/hwmon3/power1_input", "91000000");
  EXPECT_THAT(Read(session, MetricId::kPowerDraw), IsValue(91));
}

TEST_F(OldRocmTest, PowerOfAReleaseThatAnswersAveragesAlone) {
  // Of a card that has power1_input only, release 5.2.3 says Not supported.
  testing::FakeSysfs::Write(first_ / "hwmon/hwmon3/name", "amdgpu");
  testing::FakeSysfs::Write(first_ / "hwmon/hwmon3/power1_input", "91000000");
  const Session session = Open("gpu\n error rsmi_dev_power_ave_get 2\ngpu\n");
  EXPECT_THAT(Read(session, 0).readings[MetricId::kPowerDraw], IsValue(91));
  EXPECT_THAT(Read(session, 1).readings[MetricId::kPowerDraw], IsValue(50));
}

TEST_F(DeviceTest, AReadAfterTheSessionSaysThatItIsOver) {
  const Session session = Open(kTwoGpus);
  backend_->Close();
  const auto calls = Calls("rsmi_dev_busy_percent_get");
  const DeviceSample sample = Read(session);
  EXPECT_TRUE(sample.session_broken);
  for (const model::Reading& reading : sample.readings) {
    EXPECT_THAT(reading, IsAbsent(Missing::kDriverError, "the session with ROCm SMI is over"));
  }
  EXPECT_EQ(Calls("rsmi_dev_busy_percent_get"), calls) << "no call into a closed library";
}

TEST_F(DeviceTest, InvalidArgumentsOfEveryCallMeanThatTheLibraryWasShutDown) {
  const Session session = Open(kTwoGpus);
  Script("error rsmi_dev_busy_percent_get 1\nerror rsmi_dev_pci_id_get 1\ngpu\ngpu\n");
  EXPECT_TRUE(Read(session).session_broken);
  Script("error rsmi_dev_power_get 8\ngpu\ngpu\n");
  EXPECT_TRUE(Read(session).session_broken);
  Script(kTwoGpus);
  EXPECT_FALSE(Read(session).session_broken);
}

TEST_F(DeviceTest, AnIndexThatHasBecomeAnotherGpus) {
  const Session session = Open(kTwoGpus);
  Script("gpu\n answered_pci 0000:99:00.0\n error rsmi_dev_power_get 1\ngpu\n");
  const DeviceSample sample = Read(session);
  EXPECT_TRUE(sample.session_broken);
  EXPECT_FALSE(sample.readings[MetricId::kGpuUtilization].has_value());
}

TEST_F(DeviceTest, ACallThatHangsIsNamed) {
  const Session session = Open(kTwoGpus);
  Script("gpu\n hang rsmi_dev_memory_total_get\ngpu\n");
  std::thread lane([&] { EXPECT_THAT(Read(session, MetricId::kTemperature), IsValue(40)); });
  const Device& device = *session.devices[0].device;
  for (;;) {
    const char* call = device.current_call();
    if (call != nullptr && call == std::string("rsmi_dev_memory_total_get")) break;
    std::this_thread::yield();
  }
  EXPECT_TRUE(Read(session, 1).readings[MetricId::kTemperature].has_value());
  Script(kTwoGpus);
  lane.join();
  EXPECT_EQ(device.current_call(), nullptr);
}

}  // namespace
}  // namespace kgs::gpu::rocm
