// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/utilization.h"

#include "gpu/nvml/nvml_test_fixture.h"

namespace kgs::gpu::nvml {
namespace {

using model::MetricId;
using model::Missing;

constexpr char kSamples[] = "nvmlDeviceGetSamples";
constexpr char kRates[] = "nvmlDeviceGetUtilizationRates";

class UtilizationTest : public NvmlTest {
 protected:
  /// A session whose first read has learned the time stamp of the newest of some old samples.
  Session OpenPrimed() {
    Session session = Open("gpu\n gpu_util 5\n mem_util 6\n gpu_samples 99 99\n mem_samples 98");
    EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(5));
    return session;
  }
};

TEST_F(UtilizationTest, IsTheMeanOfTheSamplesSinceTheLastRead) {
  const Session session = OpenPrimed();
  Script("gpu\n gpu_samples 10 20 60\n mem_samples 1 2");
  const DeviceSample sample = Read(session);
  EXPECT_THAT(sample.readings[MetricId::kGpuUtilization], IsValue(30));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUtilization], IsValue(1.5));
  EXPECT_EQ(sample.readings[MetricId::kGpuUtilization].taken(), clock_.Now());

  Script("gpu\n gpu_samples 100\n mem_samples 0");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(100));
}

TEST_F(UtilizationTest, HistoryFromBeforeTheFirstReadIsNotAveraged) {
  const Session session =
      Open("gpu\n gpu_util 5\n mem_util 6\n gpu_samples 100 100\n mem_samples 100");
  const DeviceSample sample = Read(session);
  EXPECT_THAT(sample.readings[MetricId::kGpuUtilization], IsValue(5));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUtilization], IsValue(6));
}

TEST_F(UtilizationTest, ARingThatFillsLaterIsLearnedFirstToo) {
  const Session session = Open("gpu\n gpu_util 5");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(5));
  Script("gpu\n gpu_util 7\n gpu_samples 100 100");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(7));
  Script("gpu\n gpu_util 7\n gpu_samples 40");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(40));
}

TEST_F(UtilizationTest, WithoutNewSamplesThePresentRateIsRead) {
  const Session session = OpenPrimed();
  Script("gpu\n gpu_util 12\n mem_util 13");
  const auto rates_before = Calls(kRates);
  const DeviceSample sample = Read(session);
  EXPECT_THAT(sample.readings[MetricId::kGpuUtilization], IsValue(12));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUtilization], IsValue(13));
  EXPECT_EQ(Calls(kRates), rates_before + 1) << "one call answers both";
}

TEST_F(UtilizationTest, WithNewSamplesTheRateIsNotAskedFor) {
  const Session session = OpenPrimed();
  Script("gpu\n gpu_samples 10\n mem_samples 10\n error nvmlDeviceGetUtilizationRates 999");
  const auto rates_before = Calls(kRates);
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(10));
  EXPECT_EQ(Calls(kRates), rates_before);
}

TEST_F(UtilizationTest, OldSamplesAnsweredAgainAreDropped) {
  const Session session = OpenPrimed();
  Script("gpu\n samples_ignore_last_seen\n gpu_samples 10 20");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(15));
}

TEST_F(UtilizationTest, TheUnionIsReadByItsType) {
  const Session session = OpenPrimed();
  for (const char* type : {"0", "1", "2", "3", "4", "5", "6"}) {
    Script(std::string("gpu\n gpu_samples 30 41\n sample_type ") + type);
    EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(35.5)) << type;
  }
  Script("gpu\n gpu_samples 0.5 1\n sample_type 0");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(0.75));
}

TEST_F(UtilizationTest, SamplesOfAnUnknownTypeAreNoValue) {
  const Session session = OpenPrimed();
  Script("gpu\n gpu_samples 30\n sample_type 7");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization),
              IsAbsent(Missing::kDriverError,
                       "nvmlDeviceGetSamples: the driver answered samples of an unknown type"));
}

TEST_F(UtilizationTest, ASampleOutOfRangeIsNoValue) {
  const Session session = OpenPrimed();
  const auto outside =
      IsAbsent(Missing::kDriverError,
               "nvmlDeviceGetSamples: the driver answered a utilization outside 0..100");
  Script("gpu\n gpu_samples 10 101 20");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), outside);
  for (const char* sample : {"-1", "nan", "inf"}) {
    Script(std::string("gpu\n sample_type 0\n gpu_samples 50 ") + sample);
    EXPECT_THAT(Read(session, MetricId::kGpuUtilization), outside) << sample;
    Script("gpu\n sample_type 0\n gpu_samples 50");
    // The bad sample is still the newest but one.
    EXPECT_THAT(Read(session, MetricId::kGpuUtilization), outside) << sample;
    Script("gpu\n sample_type 0\n gpu_samples 60");
    EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(60)) << sample;
  }
}

TEST_F(UtilizationTest, ABufferThatGrewTooSmallIsGrown) {
  const Session session = OpenPrimed();
  std::string samples;
  for (int i = 0; i < 60; ++i) samples += " 25";
  Script("gpu\n sample_count_short 50\n gpu_samples" + samples);
  const auto before = Calls(kSamples);
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(25));
  EXPECT_EQ(Calls(kSamples), before + 4) << "count, too small, fits; and the memory's count";
}

TEST_F(UtilizationTest, GrowingEnds) {
  const Session session = OpenPrimed();
  Script("gpu\n sample_fetch_refused\n gpu_samples 25");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization),
              IsAbsent(Missing::kDriverError, "nvmlDeviceGetSamples: Insufficient Size"));
}

TEST_F(UtilizationTest, ARingOfImpossibleSizeIsNotAllocated) {
  const Session session = OpenPrimed();
  Script("gpu\n sample_count 4294967295\n gpu_samples 25");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization),
              IsAbsent(Missing::kDriverError,
                       "nvmlDeviceGetSamples: the driver answered a ring of too many samples"));
}

TEST_F(UtilizationTest, ACountOfNoneMeansTheRate) {
  const Session session = OpenPrimed();
  Script("gpu\n gpu_util 9\n sample_count 0\n gpu_samples 25");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(9));
}

TEST_F(UtilizationTest, UnsupportedSamplesAreNotAskedForAgain) {
  const Session session = Open("error nvmlDeviceGetSamples 3\ngpu\n gpu_util 9");
  const auto before = Calls(kSamples);
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(9));
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(9));
  EXPECT_EQ(Calls(kSamples), before + 2) << "once a ring";
}

TEST_F(UtilizationTest, FailingSamplesAreNoValueAndAskedForAgain) {
  const Session session = OpenPrimed();
  Script("gpu\n gpu_util 9\n error nvmlDeviceGetSamples 999");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization),
              IsAbsent(Missing::kDriverError, "nvmlDeviceGetSamples: Unknown Error"));
  Script("gpu\n gpu_samples 70");
  EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(70));
}

TEST_F(UtilizationTest, UnsupportedAltogetherAsOnAGpuSplitByMig) {
  const Session session =
      Open("error nvmlDeviceGetSamples 3\nerror nvmlDeviceGetUtilizationRates 3\ngpu");
  const auto unsupported =
      IsAbsent(Missing::kUnsupported, "nvmlDeviceGetUtilizationRates: Not Supported");
  const auto before = Calls(kRates);
  for (int i = 0; i < 3; ++i) {
    const DeviceSample sample = Read(session);
    EXPECT_THAT(sample.readings[MetricId::kGpuUtilization], unsupported);
    EXPECT_THAT(sample.readings[MetricId::kMemoryUtilization], unsupported);
  }
  EXPECT_EQ(Calls(kRates), before + 1);
}

TEST_F(UtilizationTest, ARateOutOfRangeIsNoValue) {
  const Session session = Open("gpu\n gpu_util 101\n mem_util 100");
  const DeviceSample sample = Read(session);
  EXPECT_THAT(
      sample.readings[MetricId::kGpuUtilization],
      IsAbsent(Missing::kDriverError,
               "nvmlDeviceGetUtilizationRates: the driver answered a utilization outside 0..100"));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUtilization], IsValue(100));
}

TEST_F(OldNvmlTest, WithoutTheSamplesCallTheRateIsRead) {
  const Session session = Open("gpu\n gpu_util 33\n mem_util 44");
  const DeviceSample sample = Read(session);
  EXPECT_THAT(sample.readings[MetricId::kGpuUtilization], IsValue(33));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUtilization], IsValue(44));
}

}  // namespace
}  // namespace kgs::gpu::nvml
