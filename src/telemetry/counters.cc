// SPDX-License-Identifier: Apache-2.0
#include "telemetry/counters.h"

#include <algorithm>

namespace kgs::telemetry {

void DurationHistogram::Observe(double seconds) {
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  buckets_[static_cast<size_t>(bound - kBounds.begin())].Add();
  double sum = sum_.load(std::memory_order_relaxed);
  while (!sum_.compare_exchange_weak(sum, sum + seconds, std::memory_order_relaxed)) {
  }
}

}  // namespace kgs::telemetry
