// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "model/metric_id.h"

namespace kgs::scaler {

/// Which metrics of GPUs have been asked for of late, whoever asked: without Kubernetes nobody else
/// knows which triggers there are. Any thread.
class AskedMetrics {
 public:
  void Note(model::MetricId metric, base::SteadyTime now) {
    asked_[model::Index(metric)].store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }

  /// Those that were asked for at \p from or later.
  model::MetricSet Since(base::SteadyTime from) const {
    model::MetricSet metrics;
    for (size_t i = 0; i < model::kMetricCount; ++i) {
      const int64_t asked = asked_[i].load(std::memory_order_relaxed);
      metrics[i] = asked != kNever && asked >= from.time_since_epoch().count();
    }
    return metrics;
  }

 private:
  static constexpr int64_t kNever = 0;
  /// Steady time by metric, in the clock's ticks.
  std::array<std::atomic<int64_t>, model::kMetricCount> asked_{};
};

}  // namespace kgs::scaler
