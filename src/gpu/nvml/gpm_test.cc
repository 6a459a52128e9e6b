// SPDX-License-Identifier: Apache-2.0
//
// What GPM says of a whole GPU; of instances see mig_test.cc.
#include "gpu/nvml/gpm.h"

#include <string>

#include "gpu/nvml/nvml_test_fixture.h"

namespace kgs::gpu::nvml {
namespace {

using namespace std::chrono_literals;
using model::MetricId;
using model::Missing;
using ::testing::HasSubstr;

constexpr char kHopper[] =
    "gpu\n gpm 1\n gpm_metric 1 70\n gpm_metric 2 60.5\n gpm_metric 3 33\n gpm_metric 5 20\n"
    " gpm_metric 10 47\n gpm_metric 20 100\n gpm_metric 21 200\n gpm_metric 60 50000\n"
    " gpm_metric 61 60000\n gpu_util 90\n";

class GpmTest : public NvmlTest {
 protected:
  /// The second read, half a second after the first.
  DeviceSample ReadTwice(const Session& session) {
    Read(session);
    clock_.Advance(500ms);
    return Read(session);
  }
};

TEST_F(GpmTest, TwoSamplesGiveEveryMetricOfIt) {
  const Session session = Open(kHopper);
  const DeviceSample first = Read(session);
  EXPECT_EQ(first.readings[MetricId::kSmUtilization].reason(), Missing::kNotSampledYet);
  EXPECT_EQ(first.readings[MetricId::kPcieTxKbps].reason(), Missing::kNotSampledYet);
  EXPECT_TRUE(first.slow.none()) << "nothing that blocks is needed";
  clock_.Advance(500ms);
  const DeviceSample sample = Read(session);
  EXPECT_THAT(sample.readings[MetricId::kSmUtilization], IsValue(60.5));
  EXPECT_THAT(sample.readings[MetricId::kSmOccupancy], IsValue(33));
  EXPECT_THAT(sample.readings[MetricId::kTensorUtilization], IsValue(20));
  EXPECT_THAT(sample.readings[MetricId::kDramBandwidthUtilization], IsValue(47));
  EXPECT_THAT(sample.readings[MetricId::kPcieTxKbps], IsValue(100 * 1024));
  EXPECT_THAT(sample.readings[MetricId::kPcieRxKbps], IsValue(200 * 1024));
  EXPECT_THAT(sample.readings[MetricId::kNvlinkTxMbps], IsValue(60000)) << "61: sent comes second";
  EXPECT_THAT(sample.readings[MetricId::kNvlinkRxMbps], IsValue(50000));
  EXPECT_THAT(sample.readings[MetricId::kGpuUtilization], IsValue(90))
      << "the driver's own, as on every GPU without MIG";
  EXPECT_TRUE(sample.slow.none());
  EXPECT_EQ(sample.readings[MetricId::kSmUtilization].taken(), clock_.Now());
}

TEST_F(GpmTest, APcieRateThatCannotBeIsNone) {
  const auto rate = [this](const std::string& mib) {
    return ReadTwice(Open("gpu\n gpm 1\n gpm_metric 20 " + mib + "\n"))
        .readings[MetricId::kPcieTxKbps];
  };
  EXPECT_TRUE(rate("953674").has_value()) << "just below 1 TB/s";
  EXPECT_THAT(rate("953675"), IsAbsent(Missing::kDriverError,
                                       "nvmlGpmMetricsGet: the driver answered a number that "
                                       "cannot be"));
}

TEST_F(GpmTest, EachRoundTakesOneSampleAndPairsItWithTheLast) {
  const Session session = Open(kHopper);
  ReadTwice(session);
  const auto samples = Calls("nvmlGpmSampleGet");
  const auto allocs = Calls("nvmlGpmSampleAlloc");
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(500ms);
    EXPECT_THAT(Read(session, MetricId::kSmUtilization), IsValue(60.5));
  }
  EXPECT_EQ(Calls("nvmlGpmSampleGet"), samples + 5);
  EXPECT_EQ(Calls("nvmlGpmSampleAlloc"), allocs);
}

TEST_F(GpmTest, SamplesThatAreTooCloseAreNotTaken) {
  const Session session = Open(kHopper);
  ReadTwice(session);
  const auto samples = Calls("nvmlGpmSampleGet");
  const auto taken = clock_.Now();
  clock_.Advance(100ms);
  const model::Reading reading = Read(session, MetricId::kSmUtilization);
  EXPECT_THAT(reading, IsValue(60.5));
  EXPECT_EQ(reading.taken(), taken);
  EXPECT_EQ(Calls("nvmlGpmSampleGet"), samples);
  clock_.Advance(10ms);
  EXPECT_EQ(Read(session, MetricId::kSmUtilization).taken(), clock_.Now());
}

TEST_F(GpmTest, BeforeHopperEverythingOfItIsUnsupportedAndNotAskedAgain) {
  const Session session = Open("gpu\n gpm 0\n");
  const auto before = Calls("nvmlGpmQueryDeviceSupport");
  for (int i = 0; i < 3; ++i) {
    const DeviceSample sample = Read(session);
    for (const MetricId metric :
         {MetricId::kSmUtilization, MetricId::kSmOccupancy, MetricId::kTensorUtilization,
          MetricId::kDramBandwidthUtilization}) {
      EXPECT_THAT(sample.readings[metric],
                  IsAbsent(Missing::kUnsupported,
                           "nvmlGpmQueryDeviceSupport: this GPU has no GPM, which came with "
                           "Hopper"));
    }
  }
  EXPECT_EQ(Calls("nvmlGpmQueryDeviceSupport"), before + 1);
}

TEST_F(GpmTest, ADriverWithoutGpmLacksItAlone) {
  for (const char* code : {"3", "13"}) {
    const Session session =
        Open(std::string("error nvmlGpmQueryDeviceSupport ") + code + "\ngpu\n gpm 1\n");
    const DeviceSample sample = ReadTwice(session);
    EXPECT_EQ(sample.readings[MetricId::kSmUtilization].reason(), Missing::kUnsupported) << code;
    EXPECT_THAT(sample.readings[MetricId::kTemperature], IsValue(40));
  }
}

TEST_F(OldNvmlTest, HasNoGpmAndNoCounters) {
  const Session session = Open("gpu\n");
  const DeviceSample sample = Read(session);
  EXPECT_THAT(sample.readings[MetricId::kSmUtilization],
              IsAbsent(Missing::kUnsupported, "nvmlGpmQueryDeviceSupport: Function Not Found"));
  EXPECT_THAT(sample.readings[MetricId::kNvlinkTxMbps],
              IsAbsent(Missing::kUnsupported, "nvmlDeviceGetFieldValues 138: Function Not Found"));
}

TEST_F(GpmTest, OneMetricThatFailsCostsItself) {
  const Session session = Open(std::string(kHopper) + " gpm_error 5 3\n gpm_error 3 999\n");
  const DeviceSample sample = ReadTwice(session);
  EXPECT_THAT(sample.readings[MetricId::kTensorUtilization],
              IsAbsent(Missing::kUnsupported, "nvmlGpmMetricsGet: Not Supported"));
  EXPECT_THAT(sample.readings[MetricId::kSmOccupancy],
              IsAbsent(Missing::kDriverError, "nvmlGpmMetricsGet: Unknown Error"));
  EXPECT_THAT(sample.readings[MetricId::kSmUtilization], IsValue(60.5));
}

TEST_F(GpmTest, NumbersThatCannotBeAreNoValues) {
  for (const char* number : {"101.5", "-0.5", "nan", "inf"}) {
    const Session session = Open(std::string(kHopper) + " gpm_metric 2 " + number + "\n");
    const model::Reading reading = ReadTwice(session).readings[MetricId::kSmUtilization];
    EXPECT_EQ(reading.reason(), Missing::kDriverError) << number;
    EXPECT_THAT(reading.detail(), HasSubstr("cannot be"));
  }
  const Session session = Open(std::string(kHopper) + " gpm_metric 2 100.4\n");
  EXPECT_THAT(ReadTwice(session).readings[MetricId::kSmUtilization], IsValue(100))
      << "its counters are not read at one instant";
}

TEST_F(GpmTest, AFailedSampleIsAReasonAndTheNextOneCounts) {
  const Session session = Open(kHopper);
  ReadTwice(session);
  Script(std::string("error nvmlGpmSampleGet 999\n") + kHopper);
  clock_.Advance(500ms);
  EXPECT_THAT(Read(session, MetricId::kSmUtilization),
              IsAbsent(Missing::kDriverError, "nvmlGpmSampleGet: Unknown Error"));
  Script(kHopper);
  clock_.Advance(500ms);
  EXPECT_THAT(Read(session, MetricId::kSmUtilization), IsValue(60.5))
      << "against the last one that there was";
}

TEST_F(GpmTest, ALostGpuLosesThemToo) {
  const Session session = Open(kHopper);
  ReadTwice(session);
  Script(std::string("error nvmlGpmSampleGet 15\n") + kHopper);
  clock_.Advance(500ms);
  const DeviceSample sample = Read(session);
  EXPECT_EQ(sample.state, model::DeviceState::kLost);
  EXPECT_FALSE(sample.readings[MetricId::kTemperature].has_value());
}

TEST_F(GpmTest, SamplesAreGivenBackBeforeTheSessionIsClosed) {
  const Session session = Open(kHopper);
  ReadTwice(session);
  const auto freed = Calls("nvmlGpmSampleFree");
  backend_->Close();  // The fake driver ends the process at a shutdown with any out.
  EXPECT_EQ(Calls("nvmlGpmSampleFree"), freed + 2);
}

}  // namespace
}  // namespace kgs::gpu::nvml
