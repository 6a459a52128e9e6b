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
  };
  struct Result {
    Kind kind = Kind::kFirst;
    /// Of kRate, per second.
    double per_second = 0;
  };

  /// \p count as of \p stamp_us, the driver's own time in microseconds (0: it does not say), which
  /// was asked at \p asked. A driver may count by a beat of its own, so its time is the better one;
  /// but it is the wall clock, which can be set. It counts from half to twice of ours, else ours.
  Result Add(uint64_t count, int64_t stamp_us, base::SteadyTime asked);

 private:
  struct Look {
    uint64_t count;
    int64_t stamp_us;
    base::SteadyTime asked;
  };
  std::optional<Look> last_;
};

}  // namespace kgs::gpu
