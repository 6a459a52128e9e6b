// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "engine/raw_signal.h"

namespace kgs::engine {

/// The \p quantile, in (0, 1), of what \p buckets count, by Prometheus' histogram_quantile: linear
/// within a bucket, whose lower bound is the bound before it, or 0 for the first where its bound is
/// above 0. In the last bucket, which is infinite, it is the bound before. Nothing where nothing
/// was counted. There are at least two buckets.
std::optional<double> Quantile(double quantile, std::span<const Bucket> buckets);

}  // namespace kgs::engine
