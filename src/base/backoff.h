// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace kgs::base {

/// Waits between attempts that double from \p first up to \p longest. Not thread-safe.
class Backoff {
 public:
  Backoff(Duration first, Duration longest) : first_(first), longest_(longest), next_(first) {}

  /// How long to wait after the failure that just happened.
  Duration Next() {
    const Duration wait = std::min(next_, longest_);
    next_ = std::min(wait * 2, longest_);
    return wait;
  }

  void Reset() { next_ = first_; }

 private:
  const Duration first_;
  const Duration longest_;
  Duration next_;
};

}  // namespace kgs::base
