// SPDX-License-Identifier: Apache-2.0
#include "gpu/simulated/curve.h"

#include <gtest/gtest.h>

namespace kgs::gpu::simulated {
namespace {

using namespace std::chrono_literals;

const std::vector<Points::Point> kUpAndDown = {{10s, 0}, {20s, 100}, {40s, 50}};

TEST(CurveTest, AConstantIsAlwaysTheSame) {
  EXPECT_EQ(ValueAt(Constant{7}, 0s), 7);
  EXPECT_EQ(ValueAt(Constant{7}, 1000h), 7);
}

TEST(CurveTest, LinearPoints) {
  const Curve curve = Points{kUpAndDown, Points::Shape::kLinear, false};
  EXPECT_EQ(ValueAt(curve, 0s), 0) << "before the first point";
  EXPECT_EQ(ValueAt(curve, 10s), 0);
  EXPECT_EQ(ValueAt(curve, 15s), 50);
  EXPECT_EQ(ValueAt(curve, 20s), 100);
  EXPECT_EQ(ValueAt(curve, 30s), 75);
  EXPECT_EQ(ValueAt(curve, 40s), 50);
  EXPECT_EQ(ValueAt(curve, 1000h), 50) << "after the last point";
}

TEST(CurveTest, StepPoints) {
  const Curve curve = Points{kUpAndDown, Points::Shape::kStep, false};
  EXPECT_EQ(ValueAt(curve, 0s), 0);
  EXPECT_EQ(ValueAt(curve, 20s - 1ns), 0);
  EXPECT_EQ(ValueAt(curve, 20s), 100);
  EXPECT_EQ(ValueAt(curve, 40s - 1ns), 100);
  EXPECT_EQ(ValueAt(curve, 40s), 50);
}

TEST(CurveTest, LoopedPointsStartOver) {
  const Curve curve = Points{kUpAndDown, Points::Shape::kLinear, true};
  for (const base::Duration round :
       {base::Duration(0s), base::Duration(40s), base::Duration(40s * 100'000)}) {
    EXPECT_EQ(ValueAt(curve, round), 0);
    EXPECT_EQ(ValueAt(curve, round + 15s), 50);
    EXPECT_EQ(ValueAt(curve, round + 30s), 75);
  }
}

TEST(CurveTest, OnePoint) {
  const Curve curve = Points{{{5s, 3}}, Points::Shape::kLinear, true};
  EXPECT_EQ(ValueAt(curve, 0s), 3);
  EXPECT_EQ(ValueAt(curve, 7s), 3);
}

TEST(CurveTest, AWaveIsLowThenHigh) {
  const Curve curve = Wave{10, 90, 120s, 0s};
  EXPECT_DOUBLE_EQ(ValueAt(curve, 0s), 10);
  EXPECT_NEAR(ValueAt(curve, 30s), 50, 1e-9);
  EXPECT_DOUBLE_EQ(ValueAt(curve, 60s), 90);
  EXPECT_NEAR(ValueAt(curve, 90s), 50, 1e-9);
  EXPECT_DOUBLE_EQ(ValueAt(curve, 120s), 10);
}

TEST(CurveTest, APhaseIsTimeGoneBy) {
  const Curve shifted = Wave{10, 90, 120s, 30s};
  const Curve plain = Wave{10, 90, 120s, 0s};
  EXPECT_DOUBLE_EQ(ValueAt(shifted, 0s), ValueAt(plain, 30s));
  EXPECT_DOUBLE_EQ(ValueAt(shifted, 100s), ValueAt(plain, 10s));
  const Curve long_phase = Wave{10, 90, 120s, 10'000h + 30s};
  EXPECT_DOUBLE_EQ(ValueAt(long_phase, 0s), ValueAt(plain, 30s));
}

TEST(CurveTest, NeverLeavesItsRange) {
  const Curve wave = Wave{0, 100, 7s, 3s};
  const Curve points = Points{{{0s, 0}, {3s, 100}, {7s, 0}}, Points::Shape::kLinear, true};
  for (base::Duration time = 0s; time < 30s; time += 13ms) {
    for (const Curve* curve : {&wave, &points}) {
      EXPECT_GE(ValueAt(*curve, time), 0);
      EXPECT_LE(ValueAt(*curve, time), 100);
    }
  }
}

}  // namespace
}  // namespace kgs::gpu::simulated
