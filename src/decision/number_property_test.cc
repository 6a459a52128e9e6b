// SPDX-License-Identifier: Apache-2.0
//
// What must hold of the arithmetic whatever the numbers, by random cases through a model of the
// HPA. Each test has its own seed, and prints how many cases took which branch.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>

#include "decision/number.h"
#include "tests/support/case_count.h"
#include "tests/support/hpa_model.h"

namespace kgs::decision {
namespace {

using model::HpaMetricType;
using testing::AsKedaSends;
using testing::Milli;
using trigger::PodAggregation;

constexpr int kCases = testing::CaseCount(60000);

/// One workload: values in whole thousandths, of which the first ones are measured.
struct Case {
  std::vector<Milli> values;
  Milli target = 0;
  int replicas = 0;
  /// Pods that the HPA counts as Ready; at least the measured ones.
  int ready = 0;
  PodAggregation aggregation = PodAggregation::kMean;

  Tally tally(HpaMetricType type) const {
    Tally made;
    made.type = type;
    made.aggregation = aggregation;
    made.target = static_cast<double>(target) / 1000;
    made.replicas = replicas;
    made.ready = ready;
    for (const Milli value : values) made.values.push_back(static_cast<double>(value) / 1000);
    return made;
  }
  /// Exactly: A > T.
  bool above_target() const {
    if (aggregation == PodAggregation::kMax) {
      return *std::max_element(values.begin(), values.end()) > target;
    }
    return std::accumulate(values.begin(), values.end(), Milli{0}) >
           target * static_cast<Milli>(values.size());
  }
};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Milli Between(Milli least, Milli most) {
    return std::uniform_int_distribution<Milli>(least, most)(random_);
  }

  /// \p all: every replica is measured; else at least one is missing.
  Case Make(bool all, PodAggregation aggregation) {
    Case made;
    made.aggregation = aggregation;
    made.replicas = static_cast<int>(Between(0, 9) == 0 ? Between(2, 300) : Between(2, 20));
    const int measured = all ? made.replicas : static_cast<int>(Between(1, made.replicas - 1));
    made.target = Between(0, 2) == 0 ? Between(1, 1000) * 1000 : Between(100, 100000);
    // Near the target, where the tolerance decides, and far from it.
    const Milli most = made.target * Between(1, 40) / 10 + 1;
    const bool even = Between(0, 1) == 0;
    const Milli centre = Between(0, most);
    for (int i = 0; i < measured; ++i) {
      const Milli spread = Between(0, most / 20);
      made.values.push_back(even ? centre + spread : Between(0, most));
    }
    made.ready = measured + static_cast<int>(Between(0, made.replicas - measured));
    return made;
  }

 private:
  std::mt19937_64 random_;
};

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

/// Whether a thousandth more or less in the mean makes the HPA want another number of replicas: at
/// a multiple of the target, and at the edges of the tolerance.
bool NearATurn(Milli total, Milli target, Milli n) {
  const Milli over = total % target;
  return over <= n || target - over <= n || std::abs(10 * total - 9 * target * n) <= 10 * n ||
         std::abs(10 * total - 11 * target * n) <= 10 * n;
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
    // What is sent is exact, and a thousandth of the mean is what decides.
    ++rounded;
    const Milli total = std::accumulate(c.values.begin(), c.values.end(), Milli{0});
    const auto n = static_cast<Milli>(c.values.size());
    const Milli sent = AsKedaSends(number.value);
    if (GetParam() == HpaMetricType::kValue) {
      ASSERT_LE(std::abs(2 * (sent * n - total)), n + 1);
    } else {
      ASSERT_EQ(sent, total);
    }
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
