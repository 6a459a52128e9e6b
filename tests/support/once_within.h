// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/clock.h"

namespace kgs::testing {

/// Whether \p attempt, which returns how long something took, is shorter than \p limit in one of
/// three tries: a machine that stands still for a moment is not what is tested.
inline bool OnceWithin(base::Duration limit, const std::function<base::Duration()>& attempt) {
  for (int i = 0; i < 3; ++i) {
    if (attempt() < limit) return true;
  }
  return false;
}

}  // namespace kgs::testing
