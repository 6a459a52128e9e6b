// SPDX-License-Identifier: Apache-2.0
//
// What must hold of the arithmetic whatever the numbers, by random cases through a model of the
// HPA. Each test has its own seed, and prints how many cases took which branch.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "decision/number.h"
#include "tests/support/case_count.h"
#include "tests/support/hpa_model.h"
#include "tests/support/random_case.h"

namespace kgs::decision {
namespace {

using model::HpaMetricType;
using testing::AsKedaSends;
using testing::Case;
using testing::Generator;
using testing::Milli;
using testing::NearATurn;
using trigger::PodAggregation;

constexpr int kCases = testing::CaseCount(60000);

class Branches {
 public:
  explicit Branches(const char* name) : name_(name) {}
  ~Branches() {
    for (size_t i = 0; i < kBranchCount; ++i) {
      if (counts_[i] == 0) continue;
      const std::string branch(BranchName(static_cast<Branch>(i)));
      std::printf("%s: %s %d\n", name_, branch.c_str(), counts_[i]);
    }
  }
  void Count(Branch branch) { ++counts_[static_cast<size_t>(branch)]; }
  int operator[](Branch branch) const { return counts_[static_cast<size_t>(branch)]; }

 private:
  const char* name_;
  std::array<int, kBranchCount> counts_{};
};

/// What the HPA makes of \p number.
int Wanted(const Case& c, HpaMetricType type, const Number& number) {
  const Milli sent = AsKedaSends(number.value);
  if (type == HpaMetricType::kValue) {
    return testing::HpaOfValue(sent, c.target, c.replicas, c.ready);
  }
  return testing::HpaOfAverageValue(sent, c.target, c.replicas);
}

class AllMeasured : public ::testing::TestWithParam<HpaMetricType> {};

TEST_P(AllMeasured, IsTheRuleOfThePodsOwnMetrics) {
  Generator generator(GetParam() == HpaMetricType::kValue ? 2 : 1);
  Branches branches(GetParam() == HpaMetricType::kValue ? "all, Value" : "all, AverageValue");
  int rounded = 0;
  for (int i = 0; i < kCases; ++i) {
    const Case c = generator.Make(true, PodAggregation::kMean);
    const Number number = LevelNumber(c.tally(GetParam()));
    branches.Count(number.branch);
    const int wanted = Wanted(c, GetParam(), number);
    if (wanted == testing::ResourceRule(c.values, c.target)) continue;
    // The HPA's own rounding: its rule cuts the mean to a thousandth, and its floats are not exact.
    // Under Value the same mean is sent, cut alike; the sum of AverageValue is exact, and a
    // thousandth of the mean is what decides.
    ++rounded;
    const Milli total = std::accumulate(c.values.begin(), c.values.end(), Milli{0});
    const auto n = static_cast<Milli>(c.values.size());
    const Milli sent = AsKedaSends(number.value);
    ASSERT_EQ(GetParam(), HpaMetricType::kAverageValue) << number.formula;
    ASSERT_EQ(sent, total);
    ASSERT_TRUE(NearATurn(total, c.target, n)) << number.formula;
  }
  std::printf("rounded by the HPA: %d of %d\n", rounded, kCases);
  EXPECT_EQ(branches[Branch::kAllMeasured], kCases);
  EXPECT_LT(rounded, kCases / 200);
}

INSTANTIATE_TEST_SUITE_P(Types, AllMeasured,
                         ::testing::Values(HpaMetricType::kAverageValue, HpaMetricType::kValue));

using Missing = std::tuple<HpaMetricType, PodAggregation>;
class SomeMissing : public ::testing::TestWithParam<Missing> {};

TEST_P(SomeMissing, NeverScalesAgainstTheMeasuredPods) {
  const auto [type, aggregation] = GetParam();
  Generator generator(10 + 2 * static_cast<unsigned>(type) + static_cast<unsigned>(aggregation));
  Branches branches(type == HpaMetricType::kValue ? "missing, Value" : "missing, AverageValue");
  for (int i = 0; i < kCases; ++i) {
    const Case c = generator.Make(false, aggregation);
    const Number number = LevelNumber(c.tally(type));
    branches.Count(number.branch);
    const int wanted = Wanted(c, type, number);
    if (c.above_target()) {
      ASSERT_GE(wanted, c.replicas) << number.formula;
    } else {
      ASSERT_LE(wanted, c.replicas) << number.formula;
    }
    // Under Value nothing is known of who would be removed: the replicas are held.
    if (type == HpaMetricType::kValue && !c.above_target()) {
      ASSERT_EQ(wanted, c.replicas);
    }
  }
  EXPECT_GT(branches[Branch::kMissingAboveTarget], kCases / 10);
  EXPECT_GT(branches[Branch::kMissingUnderTarget], kCases / 10);
}

INSTANTIATE_TEST_SUITE_P(
    Both, SomeMissing,
    ::testing::Combine(::testing::Values(HpaMetricType::kAverageValue, HpaMetricType::kValue),
                       ::testing::Values(PodAggregation::kMean, PodAggregation::kMax)));

TEST(HoldNumber, HoldsWhateverTheTarget) {
  Generator generator(20);
  for (int i = 0; i < kCases; ++i) {
    const Case c = generator.Make(false, PodAggregation::kMean);
    for (const auto type : {HpaMetricType::kAverageValue, HpaMetricType::kValue}) {
      const Number number = HoldNumber(c.tally(type), Branch::kBlindHeld);
      ASSERT_EQ(Wanted(c, type, number), c.replicas) << number.formula;
    }
  }
}

TEST(DemandNumber, AsksForWhatTheDemandNeedsInBothTypes) {
  Generator generator(21);
  int differ = 0;
  for (int i = 0; i < kCases; ++i) {
    Case c = generator.Make(true, PodAggregation::kMean);
    c.ready = c.replicas;
    const Number average = DemandNumber(c.tally(HpaMetricType::kAverageValue));
    const Number value = DemandNumber(c.tally(HpaMetricType::kValue));
    ASSERT_EQ(
        Wanted(c, HpaMetricType::kAverageValue, average),
        testing::HpaOfAverageValue(std::accumulate(c.values.begin(), c.values.end(), Milli{0}),
                                   c.target, c.replicas));
    // The quotient is rounded to a thousandth on the way.
    differ +=
        Wanted(c, HpaMetricType::kAverageValue, average) != Wanted(c, HpaMetricType::kValue, value)
            ? 1
            : 0;
  }
  std::printf("AverageValue and Value differ by rounding: %d of %d\n", differ, kCases);
  EXPECT_LT(differ, kCases / 100);
}

}  // namespace
}  // namespace kgs::decision
