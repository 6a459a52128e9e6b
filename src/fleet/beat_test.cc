// SPDX-License-Identifier: Apache-2.0
#include "fleet/beat.h"

#include <gtest/gtest.h>

#include "fleet/test_reports.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using testing::kTaken;

Beat::Report Report(double utilization) {
  return testing::PlainReport("node-a", {utilization}, kTaken);
}

std::shared_ptr<const Interest> Over(double threshold) {
  return std::make_shared<const Interest>(
      Interest{{{model::MetricId::kGpuUtilization, catalogue::Aggregation::kMax, threshold}}});
}

std::shared_ptr<const Interest> QueueOver(double threshold) {
  return std::make_shared<const Interest>(Interest{{}, {{"queue", threshold}}});
}

/// \p gpus with this of an engine.
Beat::Report WithQueue(const Beat::Report& gpus, double queue) {
  auto report = std::make_shared<model::NodeReport>(*gpus);
  report->engines = {{"uid", "queue", model::EngineReading::Value(queue, kTaken), 3s}};
  return report;
}

class BeatTest : public ::testing::Test {
 protected:
  const std::shared_ptr<const Interest> none_ = std::make_shared<const Interest>();
  Beat beat_{1s, 100ms};
};

TEST_F(BeatTest, TheFirstIsDueAtOnce) {
  EXPECT_EQ(beat_.Due(Report(1), none_), SteadyTime::min());
  EXPECT_FALSE(beat_.BeforeItsTime(Report(1), kTaken));
}

TEST_F(BeatTest, ANewOneMayGoALittleBeforeItsTime) {
  beat_.Sent(Report(1), kTaken);
  EXPECT_EQ(beat_.Due(Report(2), none_), kTaken + 900ms);
}

TEST_F(BeatTest, WaitsALittleForANewOneThenRepeatsEachInterval) {
  const auto report = Report(1);
  beat_.Sent(report, kTaken);
  EXPECT_EQ(beat_.Due(report, none_), kTaken + 1250ms);
  beat_.Sent(report, kTaken + 1250ms);
  EXPECT_EQ(beat_.Due(report, none_), kTaken + 2250ms);
  beat_.Sent(report, kTaken + 2250ms);
  EXPECT_EQ(beat_.Due(report, none_), kTaken + 3250ms);
}

// Reports that come each 1003 ms are sent as they come, each once.
TEST_F(BeatTest, FollowsTheReports) {
  SteadyTime made = kTaken;
  auto report = Report(1);
  beat_.Sent(report, made);
  for (int i = 0; i < 100; ++i) {
    made += 1003ms;
    EXPECT_GT(beat_.Due(report, none_), made) << "not sent twice";
    report = Report(1);
    EXPECT_LE(beat_.Due(report, none_), made);
    beat_.Sent(report, made);
  }
}

TEST_F(BeatTest, WhatCrossesIsDueAfterTheLeastInterval) {
  beat_.Sent(Report(70), kTaken);
  const auto above = Report(90);
  EXPECT_EQ(beat_.Due(above, Over(80)), kTaken + 100ms);
  EXPECT_TRUE(beat_.BeforeItsTime(above, kTaken + 100ms));
  EXPECT_FALSE(beat_.BeforeItsTime(above, kTaken + 900ms));
  EXPECT_EQ(beat_.Due(above, Over(95)), kTaken + 900ms) << "judged again by another interest";
}

TEST_F(BeatTest, IsJudgedAgainstWhatWasSentLast) {
  const auto interest = Over(80);
  beat_.Sent(Report(70), kTaken);
  EXPECT_EQ(beat_.Due(Report(90), interest), kTaken + 100ms);
  EXPECT_EQ(beat_.Due(Report(75), interest), kTaken + 900ms) << "came back before it was sent";
  const auto above = Report(90);
  beat_.Sent(above, kTaken + 100ms);
  EXPECT_EQ(beat_.Due(Report(91), interest), kTaken + 1000ms);
  EXPECT_EQ(beat_.Due(Report(80), interest), kTaken + 200ms);
}

TEST_F(BeatTest, AnIntervalBelowTheLeastHolds) {
  Beat fast(50ms, 100ms);
  fast.Sent(Report(70), kTaken);
  EXPECT_EQ(fast.Due(Report(90), Over(80)), kTaken + 45ms);
}

TEST_F(BeatTest, WhatCrossesOfAnEngineIsDueAfterTheLeastInterval) {
  const auto gpus = Report(1);
  const auto interest = QueueOver(5);
  beat_.Sent(WithQueue(gpus, 0), kTaken);
  const auto above = WithQueue(gpus, 6);
  EXPECT_EQ(beat_.Due(above, interest), kTaken + 100ms);
  EXPECT_TRUE(beat_.BeforeItsTime(above, kTaken + 100ms));
  EXPECT_EQ(beat_.Due(WithQueue(Report(1), 6), interest), kTaken + 100ms);
  EXPECT_EQ(beat_.Due(WithQueue(gpus, 5), interest), kTaken + 1250ms);
}

TEST_F(BeatTest, AReportWithoutNewGpusIsNotWaitedFor) {
  const auto gpus = Report(1);
  beat_.Sent(WithQueue(gpus, 0), kTaken);
  EXPECT_EQ(beat_.Due(WithQueue(gpus, 1), none_), kTaken + 1250ms) << "new GPUs are";
  EXPECT_EQ(beat_.Due(WithQueue(Report(1), 1), none_), kTaken + 900ms);
  beat_.Sent(WithQueue(gpus, 1), kTaken + 1250ms);
  EXPECT_EQ(beat_.Due(WithQueue(gpus, 2), none_), kTaken + 2250ms) << "once an interval at least";
}

TEST_F(BeatTest, WhatGoesEarlyForAnEngineLeavesTheBeatAsItWas) {
  const auto gpus = Report(1);
  const auto interest = QueueOver(5);
  beat_.Sent(WithQueue(gpus, 0), kTaken);
  beat_.Sent(WithQueue(gpus, 6), kTaken + 300ms);
  EXPECT_EQ(beat_.Due(WithQueue(gpus, 0), interest), kTaken + 400ms);
  EXPECT_EQ(beat_.Due(WithQueue(gpus, 7), interest), kTaken + 1250ms);
  EXPECT_EQ(beat_.Due(WithQueue(Report(1), 7), interest), kTaken + 900ms);
  beat_.Sent(WithQueue(gpus, 0), kTaken + 850ms);
  EXPECT_EQ(beat_.Due(WithQueue(Report(1), 0), interest), kTaken + 950ms) << "the least interval";
}

TEST_F(BeatTest, WhatGoesEarlyWithNewGpusBeginsTheBeatAnew) {
  beat_.Sent(WithQueue(Report(1), 0), kTaken);
  beat_.Sent(WithQueue(Report(1), 6), kTaken + 300ms);
  EXPECT_EQ(beat_.Due(WithQueue(Report(1), 7), QueueOver(5)), kTaken + 1200ms);
}

TEST_F(BeatTest, StartsAnewOnANewStream) {
  const auto report = Report(1);
  beat_.Sent(report, kTaken);
  beat_.Restart();
  EXPECT_EQ(beat_.Due(report, none_), SteadyTime::min());
}

}  // namespace
}  // namespace kgs::fleet
