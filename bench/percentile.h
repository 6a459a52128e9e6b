// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/clock.h"

namespace kgs::bench {

/// Nearest rank. \p latencies is not empty; its order changes.
inline double PercentileMs(std::vector<base::Duration>& latencies, double share) {
  const auto rank =
      static_cast<std::ptrdiff_t>(std::ceil(share * static_cast<double>(latencies.size())));
  const auto at = latencies.begin() + std::max<std::ptrdiff_t>(rank, 1) - 1;
  std::nth_element(latencies.begin(), at, latencies.end());
  return base::Seconds(*at) * 1e3;
}

/// \p values is not empty.
inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace kgs::bench
