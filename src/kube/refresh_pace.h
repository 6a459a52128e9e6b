// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>

#include "base/clock.h"

namespace kgs::kube {

/// How often objects may be listed again on request: once a second, and ever less often while that
/// brings nothing, since anyone who can reach the scaler's port can ask for it.
class RefreshPace {
 public:
  static constexpr base::Duration kShortest = std::chrono::seconds(1);
  static constexpr base::Duration kLongest = std::chrono::minutes(1);

  bool Due(base::SteadyTime now) const { return !next_ || now >= *next_; }
  /// A list has ended; \p useful: it brought something new.
  void Ended(base::SteadyTime now, bool useful) {
    wait_ = useful ? kShortest : std::min(wait_ * 2, kLongest);
    next_ = now + wait_;
  }

 private:
  base::Duration wait_ = kShortest / 2;
  std::optional<base::SteadyTime> next_;
};

}  // namespace kgs::kube
