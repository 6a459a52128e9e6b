// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>

#include "base/clock.h"

namespace kgs::fleet {

/// Lets through so many a second. What was not used in the last ten seconds may come at once: a way
/// that was blocked gives out what waited in it.
class RateLimit {
 public:
  explicit RateLimit(double most_a_second) : rate_(most_a_second), left_(10 * most_a_second) {}
  /// False where this one is too many.
  bool Take(base::SteadyTime now) {
    if (last_) left_ = std::min(10 * rate_, left_ + rate_ * base::Seconds(now - *last_));
    last_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  const double rate_;
  double left_;
  std::optional<base::SteadyTime> last_;
};

}  // namespace kgs::fleet
