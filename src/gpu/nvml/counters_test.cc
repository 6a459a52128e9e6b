// SPDX-License-Identifier: Apache-2.0
//
// Rates from counters, and the PCIe call that blocks.
#include "gpu/nvml/counters.h"

#include <string>
#include <utility>

#include "gpu/nvml/nvml_test_fixture.h"

namespace kgs::gpu::nvml {
namespace {

using namespace std::chrono_literals;
using model::MetricId;
using model::Missing;

constexpr char kStamp0[] = " 1700000000000000\n";
constexpr char kStamp1[] = " 1700000001000000\n";

class CountersTest : public NvmlTest {
 protected:
  /// Of an Ampere GPU that counts \p first, and a second later \p second.
  DeviceSample ReadTwo(const std::string& first, const std::string& second) {
    session_ = Open("gpu\n" + first);
    Read(session_);
    Script("gpu\n" + second);
    clock_.Advance(1s);
    return Read(session_);
  }
  /// \p type as a number of nvmlValueType_t.
  static std::string Field(int id, const std::string& count, const std::string& stamp,
                           int type = 3) {
    return " field " + std::to_string(id) + " " + std::to_string(type) + " " + count + stamp;
  }

  Session session_;
};

TEST_F(CountersTest, NvlinkIsARateOverAllLinksInMib) {
  const DeviceSample sample =
      ReadTwo(Field(138, "1000", kStamp0) + Field(139, "5000", kStamp0),
              Field(138, "2049000", kStamp1) + Field(139, "1029000", kStamp1));
  EXPECT_THAT(sample.readings[MetricId::kNvlinkTxMbps], IsValue(2000)) << "KiB become MiB";
  EXPECT_THAT(sample.readings[MetricId::kNvlinkRxMbps], IsValue(1000));
}

TEST_F(CountersTest, TheFirstLookIsNoRate) {
  const Session session = Open("gpu\n" + Field(138, "123456789", kStamp0));
  EXPECT_THAT(Read(session, MetricId::kNvlinkTxMbps),
              IsAbsent(Missing::kNotSampledYet,
                       "nvmlDeviceGetFieldValues 138: a rate needs a second look"));
}

TEST_F(CountersTest, AWrapIsDropped) {
  const DeviceSample sample =
      ReadTwo(Field(138, "18446744073709551615", kStamp0), Field(138, "12", kStamp1));
  EXPECT_THAT(sample.readings[MetricId::kNvlinkTxMbps],
              IsAbsent(Missing::kNotReady,
                       "nvmlDeviceGetFieldValues 138: the counter wrapped or began anew"));
  clock_.Advance(1s);
  Script("gpu\n" + Field(138, "1036", " 1700000002000000\n"));
  EXPECT_THAT(Read(session_, MetricId::kNvlinkTxMbps), IsValue(1));
}

TEST_F(CountersTest, AValueIsReadByItsType) {
  EXPECT_THAT(ReadTwo(Field(138, "0", kStamp0, 2), Field(138, "1024", kStamp1, 2))
                  .readings[MetricId::kNvlinkTxMbps],
              IsValue(1));
  EXPECT_THAT(ReadTwo(Field(138, "0", kStamp0, 4), Field(138, "2048", kStamp1, 4))
                  .readings[MetricId::kNvlinkTxMbps],
              IsValue(2));
  const model::Reading nonsense =
      ReadTwo(Field(138, "0", kStamp0, 0), Field(138, "1.5", kStamp1, 0))
          .readings[MetricId::kNvlinkTxMbps];
  EXPECT_EQ(nonsense.reason(), Missing::kUnsupported);
}

TEST_F(CountersTest, CountsOf32BitsAreNotBelieved) {
  const model::Reading reading =
      ReadTwo(Field(138, "0", kStamp0, 1), Field(138, "1024", kStamp1, 1))
          .readings[MetricId::kNvlinkTxMbps];
  EXPECT_THAT(reading, IsAbsent(Missing::kUnsupported,
                                "nvmlDeviceGetFieldValues 138: counts in 32 bits, which wrap too "
                                "often to tell"));
}

TEST_F(CountersTest, ACountByTheDriversOwnBeatStaysUntilTheNext) {
  ReadTwo(Field(138, "0", kStamp0), Field(138, "1024", kStamp1));
  const auto taken = clock_.Now();
  clock_.Advance(500ms);
  const model::Reading reading = Read(session_, MetricId::kNvlinkTxMbps);
  EXPECT_THAT(reading, IsValue(1));
  EXPECT_EQ(reading.taken(), taken) << "with its own time";
  EXPECT_EQ(reading.detail(), "") << "and as one that is good";
}

TEST_F(CountersTest, ARateThatCannotBeIsNone) {
  const auto rate = [this](const std::string& kib) {
    return ReadTwo(Field(138, "0", kStamp0), Field(138, kib, kStamp1))
        .readings[MetricId::kNvlinkTxMbps];
  };
  EXPECT_THAT(rate("10737418240"), IsValue(10485760)) << "10 TiB";
  EXPECT_THAT(rate("10737418241"),
              IsAbsent(Missing::kNotReady, "nvmlDeviceGetFieldValues 138: a rate that cannot be"));
}

/// The first of what is asked of it is \p asked, all else \p answered: a first call that is slow.
class SlowClock final : public base::Clock {
 public:
  SlowClock(base::SteadyTime asked, base::SteadyTime answered)
      : asked_(asked), answered_(answered) {}
  base::SteadyTime Now() const override {
    return std::exchange(is_asked_, true) ? answered_ : asked_;
  }

 private:
  const base::SteadyTime asked_;
  const base::SteadyTime answered_;
  mutable bool is_asked_ = false;
};

TEST_F(CountersTest, ACallThatIsSlowChangesNoRate) {
  session_ = Open("gpu\n" + Field(138, "0", kStamp0));
  const base::SteadyTime start = clock_.Now();
  Read(session_);
  Script("gpu\n" + Field(138, "2764800", " 1700000002700000\n"));
  const SlowClock slow(start + 500ms, start + 2700ms);
  EXPECT_THAT(session_.devices[0].device->Read(slow).readings[MetricId::kNvlinkTxMbps],
              IsValue(1000));
  Script("gpu\n" + Field(138, "3072000", " 1700000003000000\n"));
  clock_.Advance(3s);
  EXPECT_THAT(Read(session_, MetricId::kNvlinkTxMbps), IsValue(1000)) << "nor does the next";
}

TEST_F(CountersTest, AGpuWithoutLinksHasNone) {
  const DeviceSample sample = ReadTwo(Field(91, "0", kStamp0, 1) + Field(138, "0", kStamp0),
                                      Field(91, "0", kStamp1, 1) + Field(138, "0", kStamp1));
  EXPECT_THAT(sample.readings[MetricId::kNvlinkTxMbps],
              IsAbsent(Missing::kUnsupported, "this GPU has no NVLink"))
      << "not 0";
}

TEST_F(CountersTest, GpmsZeroOfAGpuWithoutLinksIsNoValue) {
  for (const char* links : {" field 91 1 0\n", ""}) {
    const std::string script =
        std::string("gpu\n gpm 1\n gpm_metric 60 0\n gpm_metric 61 0\n") + links;
    session_ = Open(script);
    Read(session_);
    clock_.Advance(1s);
    EXPECT_THAT(Read(session_, MetricId::kNvlinkTxMbps),
                IsAbsent(Missing::kUnsupported, "this GPU has no NVLink"));
  }
  session_ = Open("gpu\n gpm 1\n gpm_metric 60 0\n gpm_metric 61 0\n field 91 1 18\n");
  Read(session_);
  clock_.Advance(1s);
  EXPECT_THAT(Read(session_, MetricId::kNvlinkTxMbps), IsValue(0)) << "with links it is idle";
}

TEST_F(CountersTest, WhatIsNotSupportedIsNotAskedAgainAndCostsNothingElse) {
  session_ = Open("gpu\n field 91 1 18\n field_error 138 3\n field_error 139 2\n" +
                  Field(230, "0", kStamp0, 1));
  const DeviceSample sample = Read(session_);
  EXPECT_THAT(sample.readings[MetricId::kNvlinkTxMbps],
              IsAbsent(Missing::kUnsupported, "nvmlDeviceGetFieldValues 138: Not Supported"));
  EXPECT_THAT(sample.readings[MetricId::kNvlinkRxMbps],
              IsAbsent(Missing::kUnsupported, "nvmlDeviceGetFieldValues 139: Not Supported"))
      << "an old driver's word for a field that it does not know";
  EXPECT_THAT(sample.readings[MetricId::kTemperature], IsValue(40));
  Script("gpu\n" + Field(138, "5", kStamp0) + Field(230, "0", kStamp0, 1));
  EXPECT_EQ(Read(session_, MetricId::kNvlinkTxMbps).reason(), Missing::kUnsupported);
}

TEST_F(CountersTest, WhatAGpuThatIsBeingLostAnswersIsNotLearned) {
  session_ = Open("gpu\n" + Field(138, "0", kStamp0));
  Script("gpu\n error nvmlDeviceGetFieldValues 2\n error nvmlDeviceGetUUID 15\n");
  EXPECT_EQ(Read(session_).state, model::DeviceState::kLost);
  Script("gpu\n" + Field(138, "0", kStamp0));
  Read(session_);
  Script("gpu\n" + Field(138, "1024", kStamp1));
  clock_.Advance(1s);
  EXPECT_THAT(Read(session_, MetricId::kNvlinkTxMbps), IsValue(1));
}

TEST_F(CountersTest, OneCallAnswersAllFields) {
  session_ = Open("gpu\n" + Field(138, "5", kStamp0) + Field(230, "0", kStamp0, 1));
  const auto before = Calls("nvmlDeviceGetFieldValues");
  Read(session_);
  EXPECT_EQ(Calls("nvmlDeviceGetFieldValues"), before + 1);
}

TEST_F(CountersTest, TheRecoveryActionIsTold) {
  const auto action = [this](const std::string& number) {
    return Read(Open("gpu\n field 230 1 " + number + "\n")).recovery_action;
  };
  EXPECT_EQ(action("0"), "");
  EXPECT_EQ(action("1"), "gpu_reset");
  EXPECT_EQ(action("2"), "node_reboot");
  EXPECT_EQ(action("4"), "drain_and_reset");
  EXPECT_EQ(action("99"), "unknown");
  EXPECT_EQ(Read(Open("gpu\n")).recovery_action, "");
}

TEST_F(CountersTest, ALostGpuStillTellsWhatIsToBeDoneToIt) {
  const Session session = Open("gpu\n field 230 1 1\n");
  Read(session);
  Script("gpu\n error nvmlDeviceGetPowerUsage 16\n field 230 1 2\n");
  DeviceSample sample = Read(session);
  EXPECT_EQ(sample.state, model::DeviceState::kLost);
  EXPECT_EQ(sample.recovery_action, "node_reboot");
  Script("gpu\n lost\n");
  sample = Read(session);
  EXPECT_EQ(sample.recovery_action, "node_reboot") << "as it was told last";
}

TEST_F(CountersTest, PcieBytesIn64BitsAreARateInKib) {
  const DeviceSample sample = ReadTwo(Field(197, "1000", kStamp0) + Field(198, "0", kStamp0),
                                      Field(197, "2049000", kStamp1) + Field(198, "4096", kStamp1));
  EXPECT_THAT(sample.readings[MetricId::kPcieTxKbps], IsValue(2000));
  EXPECT_THAT(sample.readings[MetricId::kPcieRxKbps], IsValue(4));
  EXPECT_TRUE(sample.slow.none());
}

TEST_F(CountersTest, PcieBytesThatCannotBeAreNoRate) {
  const auto rate = [this](const std::string& bytes) {
    return ReadTwo(Field(197, "0", kStamp0), Field(197, bytes, kStamp1))
        .readings[MetricId::kPcieTxKbps];
  };
  EXPECT_THAT(rate("1000000000000"), IsValue(1e12 / 1024)) << "1 TB/s";
  EXPECT_THAT(rate("1000000000001"),
              IsAbsent(Missing::kNotReady, "nvmlDeviceGetFieldValues 197: a rate that cannot be"));
}

TEST_F(CountersTest, PcieBytesIn32BitsAreNotBelieved) {
  const DeviceSample sample =
      ReadTwo(Field(197, "1000", kStamp0, 1), Field(197, "2049000", kStamp1, 1));
  EXPECT_FALSE(sample.readings[MetricId::kPcieTxKbps].has_value());
  EXPECT_TRUE(sample.slow.test(model::Index(MetricId::kPcieTxKbps)));
}

TEST_F(CountersTest, WhatBlocksIsReadOnRequestAlone) {
  const Session session =
      Open("gpu\n pcie_tx_kbps 700\n pcie_rx_kbps 900\n delay nvmlDeviceGetPcieThroughput 0\n");
  const auto before = Calls("nvmlDeviceGetPcieThroughput");
  const DeviceSample sample = Read(session);
  EXPECT_THAT(sample.readings[MetricId::kPcieTxKbps],
              IsAbsent(Missing::kNotRequested,
                       "nvmlDeviceGetPcieThroughput blocks for 20 ms: it is called while a "
                       "trigger or --always-read asks for it"));
  model::MetricSet both;
  both.set(model::Index(MetricId::kPcieTxKbps)).set(model::Index(MetricId::kPcieRxKbps));
  EXPECT_EQ(sample.slow, both);
  EXPECT_EQ(Calls("nvmlDeviceGetPcieThroughput"), before);
  model::MetricSet one;
  one.set(model::Index(MetricId::kPcieRxKbps));
  const model::Readings slow = session.devices[0].device->ReadSlow(one, clock_);
  EXPECT_THAT(slow[MetricId::kPcieRxKbps], IsValue(900));
  EXPECT_FALSE(slow[MetricId::kPcieTxKbps].has_value());
  EXPECT_EQ(Calls("nvmlDeviceGetPcieThroughput"), before + 1);
  EXPECT_THAT(session.devices[0].device->ReadSlow(both, clock_)[MetricId::kPcieTxKbps],
              IsValue(700));
}

TEST_F(CountersTest, WhatBlocksAndCannotBeIsNoValue) {
  const Session session =
      Open("gpu\n pcie_tx_kbps 4294967295\n delay nvmlDeviceGetPcieThroughput 0\n");
  model::MetricSet one;
  one.set(model::Index(MetricId::kPcieTxKbps));
  EXPECT_EQ(session.devices[0].device->ReadSlow(one, clock_)[MetricId::kPcieTxKbps].reason(),
            Missing::kDriverError);
}

TEST_F(CountersTest, WhatBlocksAndIsNotSupportedIsAskedOnce) {
  const Session session = Open("gpu\n error nvmlDeviceGetPcieThroughput 3\n");
  const auto before = Calls("nvmlDeviceGetPcieThroughput");
  model::MetricSet one;
  one.set(model::Index(MetricId::kPcieTxKbps));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(session.devices[0].device->ReadSlow(one, clock_)[MetricId::kPcieTxKbps],
                IsAbsent(Missing::kUnsupported, "nvmlDeviceGetPcieThroughput: Not Supported"));
  }
  EXPECT_EQ(Calls("nvmlDeviceGetPcieThroughput"), before + 1);
}

TEST_F(CountersTest, EveryCallIsCountedWithItsTime) {
  const Session session = Open("gpu\n delay nvmlDeviceGetPowerUsage 2\n");
  Read(session);
  const auto costs = backend_->CallCosts();
  const auto power = std::find_if(costs.begin(), costs.end(), [](const CallCost& cost) {
    return cost.call == "nvmlDeviceGetPowerUsage";
  });
  ASSERT_NE(power, costs.end());
  EXPECT_EQ(power->calls, 1u);
  EXPECT_GE(power->seconds, 0.002);
  EXPECT_EQ(power->longest_seconds, power->seconds);
}

}  // namespace
}  // namespace kgs::gpu::nvml
