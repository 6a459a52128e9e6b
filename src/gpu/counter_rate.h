// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace kgs::gpu {

/// The rate of a counter that only rises, between two looks at it.
class CounterRate {
 public:
  enum class Kind {
    kRate,
    /// There was no look before.
    kFirst,
    /// The driver has not counted anew since.
    kSameMoment,
    /// It is less than before: it wrapped, or was set to 0. Counted from here on.
    kFell,
    /// Neither the driver's time nor ours says well enough for how long it counted.
    kTimeUnclear,
  };
  struct Result {
    Kind kind = Kind::kFirst;
    /// Of kRate, per second.
    double per_second = 0;
  };

  struct Look {
    uint64_t count = 0;
    /// The driver's own time of the count in microseconds; 0: it does not say.
    int64_t stamp_us = 0;
    /// By our clock. The driver counts at some moment between the two, which may be far apart.
    base::SteadyTime asked;
    base::SteadyTime answered;
  };

  /// The driver's time is the better one, since it may count by a beat of its own; but it is the
  /// wall clock, which can be set. It is believed from half the shortest to twice the longest time
  /// that can lie between the looks by our clock. Else ours is, where both calls were short.
  Result Add(const Look& look);

 private:
  std::optional<Look> last_;
};

}  // namespace kgs::gpu
