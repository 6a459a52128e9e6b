// SPDX-License-Identifier: Apache-2.0
#include "catalogue/aggregation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace kgs::catalogue {
namespace {

using ::testing::ElementsAre;

constexpr double kLargest = std::numeric_limits<double>::max();

constexpr Aggregation kAll[] = {Aggregation::kMax, Aggregation::kMin, Aggregation::kAvg,
                                Aggregation::kSum, Aggregation::kP95, Aggregation::kP99};

/// 1, 2, ... \p count, largest first, so that nothing relies on the order given.
std::vector<double> Descending(int count) {
  std::vector<double> values;
  for (int value = count; value > 0; --value) values.push_back(value);
  return values;
}

TEST(AggregationTest, NamesAreThoseOfTheMetadataKey) {
  EXPECT_THAT(AggregationNames(), ElementsAre("max", "min", "avg", "sum", "p95", "p99"));
}

TEST(AggregationTest, NameAndAggregationFindEachOther) {
  ASSERT_EQ(AggregationNames().size(), std::size(kAll));
  for (const Aggregation aggregation : kAll) {
    EXPECT_EQ(FindAggregation(AggregationName(aggregation)), std::optional(aggregation));
  }
}

TEST(AggregationTest, UnknownNamesAreNotFound) {
  for (const std::string_view name : {"", "MAX", "max ", "mean", "p50", "p9"}) {
    EXPECT_FALSE(FindAggregation(name).has_value()) << name;
  }
}

TEST(AggregationTest, Aggregates) {
  const std::vector<double> values = {10, 90, 20, 40};
  EXPECT_EQ(Aggregate(Aggregation::kMax, values), 90);
  EXPECT_EQ(Aggregate(Aggregation::kMin, values), 10);
  EXPECT_EQ(Aggregate(Aggregation::kAvg, values), 40);
  EXPECT_EQ(Aggregate(Aggregation::kSum, values), 160);
}

TEST(AggregationTest, PercentilesAreNearestRank) {
  struct Case {
    int count;
    double p95;
    double p99;
  };
  // With values 1..n the answer is the rank itself, ceil(n * share).
  constexpr Case kCases[] = {{2, 2, 2},      {8, 8, 8},      {19, 19, 19}, {20, 19, 20},
                             {21, 20, 21},   {40, 38, 40},   {99, 95, 99}, {100, 95, 99},
                             {101, 96, 100}, {200, 190, 198}};
  for (const Case& c : kCases) {
    EXPECT_EQ(Aggregate(Aggregation::kP95, Descending(c.count)), c.p95) << c.count;
    EXPECT_EQ(Aggregate(Aggregation::kP99, Descending(c.count)), c.p99) << c.count;
  }
}

TEST(AggregationTest, AnyAggregateOfOneValueIsThatValue) {
  for (const Aggregation aggregation : kAll) {
    for (const double value : {0.0, 0.1, 33.3, -5.0, kLargest}) {
      EXPECT_EQ(Aggregate(aggregation, std::vector<double>{value}), value)
          << AggregationName(aggregation);
    }
  }
}

TEST(AggregationTest, AggregatesOfFiniteValuesAreFinite) {
  const std::vector<double> sets[] = {
      {kLargest, kLargest, kLargest}, {-kLargest, -kLargest}, {kLargest, -kLargest, kLargest}};
  for (const Aggregation aggregation : kAll) {
    for (const auto& values : sets) {
      EXPECT_TRUE(std::isfinite(Aggregate(aggregation, values))) << AggregationName(aggregation);
    }
  }
  EXPECT_EQ(Aggregate(Aggregation::kAvg, sets[0]), kLargest);
  EXPECT_EQ(Aggregate(Aggregation::kSum, sets[0]), kLargest);
  EXPECT_EQ(Aggregate(Aggregation::kSum, sets[1]), -kLargest);
}

TEST(AggregationTest, AverageOfEqualValuesIsThatValue) {
  for (size_t count = 1; count <= 16; ++count) {
    EXPECT_EQ(Aggregate(Aggregation::kAvg, std::vector<double>(count, 33.3)), 33.3) << count;
  }
}

TEST(AggregationTest, OfNothingAndOfWhatIsNoNumberThereIsNone) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const Aggregation aggregation : kAll) {
    const std::string_view name = AggregationName(aggregation);
    EXPECT_TRUE(std::isnan(Aggregate(aggregation, {}))) << name;
    for (const double odd : {kNan, kInfinity, -kInfinity}) {
      EXPECT_TRUE(std::isnan(Aggregate(aggregation, std::vector<double>{50, odd}))) << name;
      EXPECT_TRUE(std::isnan(Aggregate(aggregation, std::vector<double>{odd, 50}))) << name;
    }
  }
}

}  // namespace
}  // namespace kgs::catalogue
