// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/device.h"

#include <thread>
#include <vector>

#include "gpu/nvml/nvml_test_fixture.h"

namespace kgs::gpu::nvml {
namespace {

using model::DeviceState;
using model::MetricId;
using model::Missing;

constexpr char kTwoGpus[] = "gpu\n power_mw 100000\ngpu\n power_mw 200000\n";

class DeviceTest : public NvmlTest {
 protected:
  void ExpectAllAbsent(const DeviceSample& sample, const std::string& detail) {
    for (const model::Reading& reading : sample.readings) {
      EXPECT_THAT(reading, IsAbsent(Missing::kDriverError, detail));
    }
  }
};

TEST_F(DeviceTest, ReadsEveryMetric) {
  const Session session = Open(
      "gpu\n gpu_util 50\n mem_util 20\n memory_total_mib 1000\n memory_used_mib 250\n"
      " memory_reserved_mib 50\n temperature 61\n power_mw 123456\n");
  const DeviceSample sample = Read(session);
  EXPECT_EQ(sample.state, DeviceState::kPresent);
  EXPECT_EQ(sample.state_reason, "");
  EXPECT_FALSE(sample.session_broken);
  EXPECT_THAT(sample.readings[MetricId::kGpuUtilization], IsValue(50));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUtilization], IsValue(20));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedMib], IsValue(250));
  EXPECT_THAT(sample.readings[MetricId::kMemoryTotalMib], IsValue(1000));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedPercent], IsValue(25));
  EXPECT_THAT(sample.readings[MetricId::kTemperature], IsValue(61));
  EXPECT_THAT(sample.readings[MetricId::kPowerDraw], IsValue(123.456));
  for (const model::Reading& reading : sample.readings) {
    EXPECT_TRUE(!reading.has_value() || reading.taken() == clock_.Now());
  }
}

TEST_F(DeviceTest, ReadsGpusApart) {
  const Session session = Open(kTwoGpus);
  EXPECT_THAT(Read(session, 0).readings[MetricId::kPowerDraw], IsValue(100));
  EXPECT_THAT(Read(session, 1).readings[MetricId::kPowerDraw], IsValue(200));
}

TEST_F(DeviceTest, ZeroIsAValueToo) {
  const Session session = Open("gpu\n power_mw 0\n temperature -5\n");
  EXPECT_THAT(Read(session, MetricId::kPowerDraw), IsValue(0));
  EXPECT_THAT(Read(session, MetricId::kTemperature), IsValue(-5));
  EXPECT_THAT(Read(session, MetricId::kMemoryUsedPercent), IsValue(0));
}

TEST_F(DeviceTest, TheOlderMemoryCallStandsInForGood) {
  // Its "used" includes what is reserved.
  const Session session = Open(
      "error nvmlDeviceGetMemoryInfo_v2 25\n"
      "gpu\n memory_total_mib 1000\n memory_used_mib 250\n memory_reserved_mib 50\n");
  const auto before = Calls("nvmlDeviceGetMemoryInfo_v2");
  EXPECT_THAT(Read(session, MetricId::kMemoryUsedMib), IsValue(300));
  EXPECT_THAT(Read(session, MetricId::kMemoryUsedPercent), IsValue(30));
  EXPECT_EQ(Calls("nvmlDeviceGetMemoryInfo_v2"), before + 1);
}

TEST_F(DeviceTest, TheOlderMemoryCallDoesNotStandInForAFailure) {
  const Session session = Open("error nvmlDeviceGetMemoryInfo_v2 999\ngpu\n");
  const auto before = Calls("nvmlDeviceGetMemoryInfo");
  EXPECT_THAT(Read(session, MetricId::kMemoryUsedMib),
              IsAbsent(Missing::kDriverError, "nvmlDeviceGetMemoryInfo_v2: Unknown Error"));
  EXPECT_EQ(Calls("nvmlDeviceGetMemoryInfo"), before);
}

TEST_F(DeviceTest, MemoryUnsupportedByBothCallsIsNotAskedForAgain) {
  const Session session =
      Open("error nvmlDeviceGetMemoryInfo_v2 3\nerror nvmlDeviceGetMemoryInfo 3\ngpu\n");
  const auto unsupported =
      IsAbsent(Missing::kUnsupported, "nvmlDeviceGetMemoryInfo: Not Supported");
  const auto before = Calls("nvmlDeviceGetMemoryInfo");
  for (int i = 0; i < 3; ++i) {
    const DeviceSample sample = Read(session);
    EXPECT_THAT(sample.readings[MetricId::kMemoryUsedMib], unsupported);
    EXPECT_THAT(sample.readings[MetricId::kMemoryTotalMib], unsupported);
    EXPECT_THAT(sample.readings[MetricId::kMemoryUsedPercent], unsupported);
    EXPECT_THAT(sample.readings[MetricId::kTemperature], IsValue(40));
  }
  EXPECT_EQ(Calls("nvmlDeviceGetMemoryInfo"), before + 1);
}

TEST_F(DeviceTest, TheOlderTemperatureCallStandsIn) {
  for (const char* code : {"3", "13", "25", "26"}) {
    const Session session =
        Open(std::string("error nvmlDeviceGetTemperatureV ") + code + "\ngpu\n temperature -12\n");
    EXPECT_THAT(Read(session, MetricId::kTemperature), IsValue(-12)) << code;
  }
}

TEST_F(OldNvmlTest, ReadsWhatThereIs) {
  const Session session = Open(
      "gpu\n memory_total_mib 1000\n memory_used_mib 250\n memory_reserved_mib 50\n"
      " temperature 61\n power_mw 1500\n");
  const DeviceSample sample = Read(session);
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedMib], IsValue(300));
  EXPECT_THAT(sample.readings[MetricId::kMemoryTotalMib], IsValue(1000));
  EXPECT_THAT(sample.readings[MetricId::kTemperature], IsValue(61));
  EXPECT_THAT(sample.readings[MetricId::kPowerDraw], IsValue(1.5));
}

struct FailureCase {
  int code;
  Missing missing;
  const char* text;
  bool asked_again;
};

TEST_F(DeviceTest, AFailedCallCostsItsOwnMetricOnly) {
  const std::vector<FailureCase> cases = {
      {3, Missing::kUnsupported, "Not Supported", false},
      {13, Missing::kUnsupported, "Function Not Found", false},
      {26, Missing::kUnsupported, "Deprecated", false},
      {4, Missing::kNotPermitted, "Insufficient Permissions", true},
      {17, Missing::kNotPermitted, "The operating system has blocked the request", true},
      {6, Missing::kNotFound, "Not Found", true},
      {10, Missing::kNotReady, "Timeout", true},
      {20, Missing::kNotReady, "Insufficient Memory", true},
      {21, Missing::kNotReady, "No data", true},
      {23, Missing::kNotReady, "Insufficient Resources", true},
      {27, Missing::kNotReady, "Not Ready", true},
      {2, Missing::kDriverError, "Invalid Argument", true},
      {11, Missing::kDriverError, "Interrupt Request Issue", true},
      {999, Missing::kDriverError, "Unknown Error", true},
      {77, Missing::kDriverError, "Unknown Error (code 77)", true},
  };
  for (const FailureCase& failure : cases) {
    const Session session = Open(kTwoGpus);
    Script("gpu\n error nvmlDeviceGetPowerUsage " + std::to_string(failure.code) + "\ngpu\n");
    const std::string detail = std::string("nvmlDeviceGetPowerUsage: ") + failure.text;
    const auto before = Calls("nvmlDeviceGetPowerUsage");
    const DeviceSample sample = Read(session, 0);
    EXPECT_EQ(sample.state, DeviceState::kPresent) << detail;
    EXPECT_FALSE(sample.session_broken) << detail;
    EXPECT_THAT(sample.readings[MetricId::kPowerDraw], IsAbsent(failure.missing, detail));
    EXPECT_THAT(sample.readings[MetricId::kTemperature], IsValue(40));
    EXPECT_THAT(Read(session, 1).readings[MetricId::kPowerDraw], IsValue(60));

    Script(kTwoGpus);
    const bool value_again = Read(session, 0).readings[MetricId::kPowerDraw].has_value();
    EXPECT_EQ(value_again, failure.asked_again) << detail;
    EXPECT_EQ(Calls("nvmlDeviceGetPowerUsage") - before, failure.asked_again ? 3u : 2u) << detail;

    const Session reopened = Reopen();
    EXPECT_THAT(Read(reopened, 0).readings[MetricId::kPowerDraw], IsValue(100)) << detail;
  }
}

TEST_F(DeviceTest, NumbersThatCannotBeAreNoValues) {
  const Session session = Open("gpu\n");
  const std::string answered = ": the driver answered ";
  Script("gpu\n memory_total_mib 0\n");
  const auto no_total =
      IsAbsent(Missing::kDriverError, "nvmlDeviceGetMemoryInfo_v2" + answered + "a total of 0");
  EXPECT_THAT(Read(session, MetricId::kMemoryTotalMib), no_total);
  EXPECT_THAT(Read(session, MetricId::kMemoryUsedMib), no_total);
  EXPECT_THAT(Read(session, MetricId::kMemoryUsedPercent), no_total);
  Script("gpu\n memory_total_mib 100\n memory_used_mib 101\n");
  const auto too_much = IsAbsent(
      Missing::kDriverError, "nvmlDeviceGetMemoryInfo_v2" + answered + "more used than there is");
  EXPECT_THAT(Read(session, MetricId::kMemoryTotalMib), too_much);
  EXPECT_THAT(Read(session, MetricId::kMemoryUsedMib), too_much);
  EXPECT_THAT(Read(session, MetricId::kMemoryUsedPercent), too_much);
  for (const char* celsius : {"-101", "251", "2147483647", "-2147483648"}) {
    Script(std::string("gpu\n temperature ") + celsius);
    EXPECT_THAT(Read(session, MetricId::kTemperature),
                IsAbsent(Missing::kDriverError, "nvmlDeviceGetTemperatureV" + answered +
                                                    "a temperature outside -100..250 C"));
  }
  for (const char* milliwatts : {"100000001", "4294967295"}) {
    Script(std::string("gpu\n power_mw ") + milliwatts);
    EXPECT_THAT(
        Read(session, MetricId::kPowerDraw),
        IsAbsent(Missing::kDriverError, "nvmlDeviceGetPowerUsage" + answered + "more than 100 kW"));
  }
  Script(
      "gpu\n memory_total_mib 100\n memory_used_mib 100\n temperature 250\n power_mw 100000000\n");
  EXPECT_THAT(Read(session, MetricId::kMemoryUsedPercent), IsValue(100));
  EXPECT_THAT(Read(session, MetricId::kTemperature), IsValue(250));
  EXPECT_THAT(Read(session, MetricId::kPowerDraw), IsValue(100'000));
}

TEST_F(DeviceTest, ALostGpuHasNoReadingsUntilItIsFoundAgain) {
  const Session session = Open(kTwoGpus);
  Script("gpu\n lost\ngpu\n");
  const DeviceSample lost = Read(session, 0);
  EXPECT_EQ(lost.state, DeviceState::kLost);
  EXPECT_EQ(lost.state_reason, "nvmlDeviceGetFieldValues: GPU is lost");
  EXPECT_FALSE(lost.session_broken);
  ExpectAllAbsent(lost, "nvmlDeviceGetFieldValues: GPU is lost");
  EXPECT_THAT(Read(session, 1).readings[MetricId::kPowerDraw], IsValue(60));

  Script(kTwoGpus);
  const DeviceSample found = Read(session, 0);
  EXPECT_EQ(found.state, DeviceState::kPresent);
  EXPECT_THAT(found.readings[MetricId::kPowerDraw], IsValue(100));
}

TEST_F(DeviceTest, TheLastCallToSayThatTheGpuIsLostTakesTheOtherReadingsWithIt) {
  for (const auto& [code, text] :
       {std::pair{"15", "GPU is lost"}, std::pair{"16", "GPU requires reset"}}) {
    const Session session = Open("gpu\n");
    Script(std::string("gpu\n error nvmlDeviceGetPowerUsage ") + code);
    const DeviceSample sample = Read(session);
    EXPECT_EQ(sample.state, DeviceState::kLost);
    ExpectAllAbsent(sample, std::string("nvmlDeviceGetPowerUsage: ") + text);
  }
}

TEST_F(DeviceTest, NothingMoreIsAskedOfAGpuThatIsLost) {
  const Session session = Open("gpu\n");
  Script("gpu\n error nvmlDeviceGetMemoryInfo_v2 15\n");
  const auto before = Calls("nvmlDeviceGetPowerUsage");
  EXPECT_EQ(Read(session).state, DeviceState::kLost);
  EXPECT_EQ(Calls("nvmlDeviceGetPowerUsage"), before);
}

TEST_F(DeviceTest, ASessionThatTheDriverForgotIsBroken) {
  for (const auto& [code, text] :
       {std::pair{"1", "Uninitialized"}, std::pair{"9", "Driver Not Loaded"},
        std::pair{"18", "Driver/library version mismatch"}}) {
    const Session session = Open("gpu\n");
    Script(std::string("gpu\n error nvmlDeviceGetTemperatureV ") + code);
    const DeviceSample sample = Read(session);
    EXPECT_TRUE(sample.session_broken) << text;
    EXPECT_EQ(sample.state, DeviceState::kPresent);
    ExpectAllAbsent(sample, std::string("nvmlDeviceGetTemperatureV: ") + text);
  }
}

TEST_F(DeviceTest, AHandleThatTheDriverRefusesBreaksTheSession) {
  const Session session = Open("gpu\n");
  Script("gpu\n error nvmlDeviceGetPowerUsage 2\n error nvmlDeviceGetUUID 2\n");
  const DeviceSample sample = Read(session);
  EXPECT_TRUE(sample.session_broken);
  ExpectAllAbsent(sample, "nvmlDeviceGetPowerUsage: Invalid Argument");
}

TEST_F(DeviceTest, AHandleThatHasBecomeAnotherGpusBreaksTheSession) {
  const Session session = Open("gpu\n");
  Script("gpu\n answered_uuid GPU-other\n error nvmlDeviceGetPowerUsage 2\n");
  const DeviceSample sample = Read(session);
  EXPECT_TRUE(sample.session_broken);
  ExpectAllAbsent(sample, "nvmlDeviceGetPowerUsage: Invalid Argument");
}

TEST_F(DeviceTest, ARefusedCallAndTheGpuIsLost) {
  const Session session = Open("gpu\n");
  Script("gpu\n error nvmlDeviceGetPowerUsage 2\n error nvmlDeviceGetUUID 15\n");
  const DeviceSample sample = Read(session);
  EXPECT_EQ(sample.state, DeviceState::kLost);
  EXPECT_FALSE(sample.session_broken);
  EXPECT_EQ(sample.state_reason, "nvmlDeviceGetUUID: GPU is lost");
}

TEST_F(DeviceTest, ADeviceOfAnEarlierSessionIsNotAskedAnything) {
  const Session first = Open("gpu\n");
  const Session second = Reopen();
  const auto before = Calls("nvmlDeviceGetSamples");
  const DeviceSample sample = Read(first);
  EXPECT_TRUE(sample.session_broken);
  ExpectAllAbsent(sample, "nvmlDeviceGetFieldValues: Uninitialized");
  EXPECT_EQ(Calls("nvmlDeviceGetSamples"), before);
  EXPECT_FALSE(Read(second).session_broken);
}

TEST_F(DeviceTest, ACallThatHangsIsNamedAndHoldsUpItsOwnGpuOnly) {
  const Session session = Open(kTwoGpus);
  const std::shared_ptr<Device> device = session.devices[0].device;
  EXPECT_EQ(device->current_call(), nullptr);
  Script("gpu\n hang nvmlDeviceGetTemperatureV\ngpu\n");
  DeviceSample sample;
  std::thread lane([&] { sample = device->Read(clock_); });
  AwaitCall(*device, "nvmlDeviceGetTemperatureV");
  const DeviceSample other = Read(session, 1);
  EXPECT_THAT(other.readings[MetricId::kTemperature], IsValue(40));
  EXPECT_TRUE(backend_->Check());
  EXPECT_STREQ(device->current_call(), "nvmlDeviceGetTemperatureV");

  Script(kTwoGpus);
  lane.join();
  EXPECT_EQ(device->current_call(), nullptr);
  EXPECT_THAT(sample.readings[MetricId::kTemperature], IsValue(40));
}

TEST_F(DeviceTest, GpusAreReadFromSeveralThreads) {
  const Session session = Open("gpu\n samples_every_ms 1\ngpu\n samples_every_ms 1\ngpu\ngpu\n");
  std::vector<std::thread> lanes;
  lanes.reserve(session.devices.size());
  for (const DeviceListing& listing : session.devices) {
    lanes.emplace_back([this, device = listing.device] {
      for (int i = 0; i < 50; ++i) {
        for (const model::Reading& reading : device->Read(clock_).readings) {
          EXPECT_TRUE(reading.has_value() || reading.reason() != Missing::kDriverError)
              << reading.detail();
        }
      }
    });
  }
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(backend_->Check());
  for (std::thread& lane : lanes) lane.join();
}

}  // namespace
}  // namespace kgs::gpu::nvml
