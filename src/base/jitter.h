// SPDX-License-Identifier: Apache-2.0
//
// Those who failed together must not try again together.
#pragma once

#include <functional>

#include "base/clock.h"

namespace kgs::base {

/// Random numbers, uniform in [0, 1). One caller at a time.
using RandomFraction = std::function<double()>;

/// Seeded by the system.
RandomFraction NewRandomFraction();

/// \p wait, up to a quarter less or more, by \p fraction in [0, 1).
inline Duration Jittered(Duration wait, double fraction) {
  return std::chrono::duration_cast<Duration>(wait * (0.75 + 0.5 * fraction));
}

}  // namespace kgs::base
