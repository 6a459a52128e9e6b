// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>

#include "base/clock.h"
#include "model/metric_id.h"

namespace kgs::fleet {

/// Which metrics of GPUs an agent reads for its hubs: those that any of them wants, and for a while
/// those that one wanted. An agent's streams may all break at once (they end with its token), and
/// what is no longer read is an error from then on until it has been read again.
class LastingMetrics {
 public:
  /// Longer than an agent that may come back takes to do so.
  static constexpr base::Duration kKept = std::chrono::seconds(30);

  /// \p wanted: by the hubs at \p now. Returns what is to be read.
  model::MetricSet At(base::SteadyTime now, const model::MetricSet& wanted) {
    model::MetricSet read;
    for (size_t i = 0; i < model::kMetricCount; ++i) {
      if (wanted[i]) wanted_last_[i] = now;
      read[i] = wanted_last_[i] && now - *wanted_last_[i] < kKept;
    }
    return read;
  }

 private:
  std::array<std::optional<base::SteadyTime>, model::kMetricCount> wanted_last_;
};

}  // namespace kgs::fleet
