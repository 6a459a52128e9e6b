// SPDX-License-Identifier: Apache-2.0
#include "engine/quantile.h"

#include <algorithm>

namespace kgs::engine {

std::optional<double> Quantile(double quantile, std::span<const Bucket> buckets) {
  const double total = buckets.back().count;
  if (!(total > 0)) return std::nullopt;
  const double rank = quantile * total;
  const auto bucket = std::find_if(buckets.begin(), buckets.end(),
                                   [&](const Bucket& one) { return one.count >= rank; });
  const auto index = static_cast<size_t>(bucket - buckets.begin());
  if (index + 1 == buckets.size()) return buckets[index - 1].bound;
  if (index == 0 && bucket->bound <= 0) return bucket->bound;
  const double lower = index == 0 ? 0 : buckets[index - 1].bound;
  const double below = index == 0 ? 0 : buckets[index - 1].count;
  // Two readings of a page that was written meanwhile may leave a bucket with less than the one
  // before it.
  const double within = bucket->count - below;
  if (!(within > 0)) return bucket->bound;
  return lower + (bucket->bound - lower) * (rank - below) / within;
}

}  // namespace kgs::engine
