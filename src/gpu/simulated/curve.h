// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <variant>
#include <vector>

#include "base/clock.h"

namespace kgs::gpu::simulated {

/// Always the same.
struct Constant {
  double value = 0;
};

/// From point to point. Before the first point its value holds; after the last one that one's, or
/// the curve starts over.
struct Points {
  struct Point {
    base::Duration at{};
    double value = 0;
  };
  enum class Shape {
    /// On a straight line to the next point.
    kLinear,
    /// The value stays until the next point's time.
    kStep,
  };
  /// At least one; times ascend.
  std::vector<Point> points;
  Shape shape = Shape::kLinear;
  /// Starts over at the last point's time, which is then more than 0.
  bool loop = false;
};

/// A sine that is lowest at time 0 (of phase 0) and highest half a period later.
struct Wave {
  double low = 0;
  double high = 0;
  /// More than 0.
  base::Duration period{};
  /// How far into the period time 0 is.
  base::Duration phase{};
};

/// A number over time.
using Curve = std::variant<Constant, Points, Wave>;

/// \p curve at \p time, which is not negative. Never outside the range of its own numbers.
double ValueAt(const Curve& curve, base::Duration time);

}  // namespace kgs::gpu::simulated
