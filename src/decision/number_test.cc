// SPDX-License-Identifier: Apache-2.0
//
// The arithmetic by example. By random cases: number_property_test.cc.
#include "decision/number.h"

#include <gtest/gtest.h>

namespace kgs::decision {
namespace {

using model::HpaMetricType;

constexpr auto kAverage = HpaMetricType::kAverageValue;
constexpr auto kValue = HpaMetricType::kValue;

Tally TallyOf(HpaMetricType type, int replicas, std::vector<double> values) {
  Tally tally;
  tally.type = type;
  tally.target = 80;
  tally.replicas = replicas;
  tally.values = std::move(values);
  tally.ready = static_cast<int>(tally.values.size());
  return tally;
}

TEST(NumberTest, EveryRowOfTheTable) {
  struct Case {
    HpaMetricType type;
    int replicas;
    std::vector<double> values;
    Branch branch;
    double value;
    const char* formula;
  };
  const Case kCases[] = {
      {kAverage, 3, {92, 92, 92}, Branch::kAllMeasured, 276, "A*n = 92*3 = 276"},
      {kAverage, 2, {92, 92, 92}, Branch::kAllMeasured, 276, "A*n = 92*3 = 276"},
      {kAverage,
       4,
       {92, 92, 92},
       Branch::kMissingAboveTarget,
       320,
       "max(A*n, T*R) = max(92*3, 80*4) = 320"},
      {kAverage,
       4,
       {120, 120, 120},
       Branch::kMissingAboveTarget,
       360,
       "max(A*n, T*R) = max(120*3, 80*4) = 360"},
      {kAverage,
       4,
       {92, 92, 56},
       Branch::kMissingUnderTarget,
       320,
       "A*n + T*(R-n) = 80*3 + 80*1 = 320"},
      {kAverage,
       4,
       {20, 20},
       Branch::kMissingUnderTarget,
       200,
       "A*n + T*(R-n) = 20*2 + 80*2 = 200"},
      {kValue, 3, {92, 92, 92}, Branch::kAllMeasured, 92, "A = 92"},
      // Of 91.429, which is nearer, the HPA would make ceil(91.429 / 80 * 7) = 9.
      {kValue, 7, {91, 91, 91, 91, 92, 92, 92}, Branch::kAllMeasured, 91.428, "A = 91.428"},
      {kValue,
       4,
       {92, 92, 92},
       Branch::kMissingAboveTarget,
       80,
       "T = 80, since A*n <= T*R: 92*3 <= 80*4"},
      {kValue,
       4,
       {120, 120, 120},
       Branch::kMissingAboveTarget,
       120,
       "A = 120, since A*n > T*R: 120*3 > 80*4"},
      {kValue,
       4,
       {20, 20},
       Branch::kMissingUnderTarget,
       80,
       "T = 80, since A*n <= T*R: 20*2 <= 80*4"},
  };
  for (const Case& c : kCases) {
    const Number number = LevelNumber(TallyOf(c.type, c.replicas, c.values));
    EXPECT_EQ(number.branch, c.branch) << c.formula;
    EXPECT_EQ(number.value, c.value) << c.formula;
    EXPECT_EQ(number.formula, c.formula);
  }
}

TEST(NumberTest, LostPodsBesideAllThatAreWantedHold) {
  Tally tally = TallyOf(kAverage, 3, {50, 50, 50});
  tally.lost = 1;
  EXPECT_EQ(LevelNumber(tally).formula,
            "max(A*n, min(A*n + T*lost, T*R)) = max(50*3, min(50*3 + 80*1, 80*3)) = 230");
  tally.values = {79, 79, 79};
  EXPECT_EQ(LevelNumber(tally).value, 240) << "never above R for them";
  tally.values = {70, 70, 70, 70};
  EXPECT_EQ(LevelNumber(tally).value, 280) << "what is measured counts in full";
  tally.values = {92, 92, 92};
  EXPECT_EQ(LevelNumber(tally).value, 276);
  tally.type = kValue;
  EXPECT_EQ(LevelNumber(tally).value, 92);
  tally.values = {50, 50, 50};
  EXPECT_EQ(LevelNumber(tally).value, 80);
}

TEST(NumberTest, DemandThatIsNotReadYetHoldsAndIsNotPaidFor) {
  Tally tally = TallyOf(kAverage, 7, {25, 25, 25, 25});
  tally.target = 16;
  tally.unread = 3;
  EXPECT_EQ(DemandNumber(tally).formula, "min(U + T*unread, T*R) = min(100 + 16*3, 16*7) = 112");
  tally.values = {14, 14, 14, 14};
  EXPECT_EQ(DemandNumber(tally).value, 104) << "what has gone over to them is not lost";
  tally.values = {40, 40, 40, 40};
  EXPECT_EQ(DemandNumber(tally).formula, "U = 160 = 160");
  tally.type = kValue;
  tally.ready = 7;
  tally.values = {14, 14, 14, 14};
  EXPECT_EQ(DemandNumber(tally).formula,
            "min(U + T*unread, T*R)/ready = min(56 + 16*3, 16*7)/7 = 14.857");
}

TEST(NumberTest, ValueIsNotPaidForByReadyPodsThatAreNotMeasured) {
  // Three of six that are Ready drain. 92 would make the HPA ask for ceil(92 / 80 * 6) = 7.
  Tally tally = TallyOf(kValue, 3, {92, 92, 92});
  tally.ready = 6;
  EXPECT_EQ(LevelNumber(tally).value, 80) << "within the tolerance of nothing: held";
  tally.values = {200, 200, 200};
  EXPECT_EQ(LevelNumber(tally).value, 100) << "ceil(100 / 80 * 6) = 8 = ceil(600 / 80)";
  tally.values = {40, 40, 40};
  EXPECT_EQ(LevelNumber(tally).value, 80) << "never removed for what drains";
}

TEST(NumberTest, TheLargestStandsForAllWherePodAggregationIsMax) {
  Tally tally = TallyOf(kAverage, 4, {100, 20});
  tally.aggregation = trigger::PodAggregation::kMax;
  EXPECT_EQ(LevelNumber(tally).formula, "max(A*n, T*R) = max(100*2, 80*4) = 320");
  tally.replicas = 2;
  EXPECT_EQ(LevelNumber(tally).value, 200);
  tally.type = kValue;
  EXPECT_EQ(LevelNumber(tally).value, 100);
}

TEST(NumberTest, DemandIsASumInWhichLostPodsHold) {
  Tally tally = TallyOf(kAverage, 5, {100, 200});
  EXPECT_EQ(DemandNumber(tally).value, 300);
  EXPECT_EQ(DemandNumber(tally).formula, "U = 300 = 300");
  tally.lost = 2;
  EXPECT_EQ(DemandNumber(tally).branch, Branch::kDemandPartlyLost);
  EXPECT_EQ(DemandNumber(tally).formula, "U + T*lost = 300 + 80*2 = 460");
  tally.type = HpaMetricType::kNone;
  EXPECT_EQ(DemandNumber(tally).value, 460);
  tally.type = kValue;
  tally.ready = 4;
  EXPECT_EQ(DemandNumber(tally).formula, "(U + T*lost)/ready = (300 + 80*2)/4 = 115");
  tally.ready = 0;
  EXPECT_EQ(DemandNumber(tally).branch, Branch::kNoneReady);
  EXPECT_EQ(DemandNumber(tally).value, 80);
}

TEST(NumberTest, AHoldIsExactlyTheTarget) {
  Tally tally = TallyOf(kAverage, 7, {});
  tally.target = 33.333;
  EXPECT_EQ(HoldNumber(tally, Branch::kAllLoading).formula, "T*R = 33.333*7 = 233.331");
  tally.type = kValue;
  EXPECT_EQ(HoldNumber(tally, Branch::kBlindHeld).value, 33.333);
}

TEST(NumberTest, AWholeIsMultipliedOnlyWhereTheHpaDivides) {
  Whole whole;
  whole.target = 80;
  whole.value = 92;
  EXPECT_EQ(WholeNumber(whole).value, 92) << "R is not known";
  whole.replicas = 3;
  whole.ready = 2;
  EXPECT_EQ(WholeNumber(whole).formula, "X*R = 92*3 = 276");
  EXPECT_EQ(WholeNumber(whole).branch, Branch::kWholeTimesReplicas);
  whole.type = kValue;
  EXPECT_EQ(WholeNumber(whole).value, 92);
  whole.adds_up = true;
  EXPECT_EQ(WholeNumber(whole).formula, "X/ready = 92/2 = 46");
  whole.value = 640;
  whole.ready = 7;
  EXPECT_EQ(WholeNumber(whole).value, 91.428) << "of 91.429 the HPA would make a replica more";
  whole.value = 92;
  whole.ready = 2;
  whole.type = kAverage;
  EXPECT_EQ(WholeNumber(whole).value, 92);
  whole.type = HpaMetricType::kNone;
  whole.adds_up = false;
  EXPECT_EQ(WholeNumber(whole).value, 92);
  whole.type = kValue;
  whole.ready = 0;
  EXPECT_EQ(WholeNumber(whole).branch, Branch::kNoneReady);
  EXPECT_EQ(WholeNumber(whole).value, 80);
}

}  // namespace
}  // namespace kgs::decision
