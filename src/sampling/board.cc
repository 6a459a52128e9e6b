// SPDX-License-Identifier: Apache-2.0
#include "sampling/board.h"

#include <utility>

namespace kgs::sampling {

using model::Missing;
using model::Reading;

void Slot::Take(gpu::DeviceSample sample) {
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    const auto metric = static_cast<model::MetricId>(i);
    Reading& fresh = sample.readings[metric];
    if (fresh.has_value()) {
      given[i] = true;
    } else if ((fresh.reason() == Missing::kNotReady ||
                fresh.reason() == Missing::kNotSampledYet) &&
               readings[metric].has_value()) {
      fresh = readings[metric].WithDetail(fresh.detail());
    } else if (fresh.reason() == Missing::kUnsupported && given[i]) {
      fresh = Reading::Absent(Missing::kDriverError, fresh.detail() + ", which it was before");
    }
  }
  readings = std::move(sample.readings);
  state = sample.state;
  state_reason = std::move(sample.state_reason);
}

void Slot::Clear(const std::string& why) {
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    readings[static_cast<model::MetricId>(i)] = Reading::Absent(Missing::kDriverError, why);
  }
}

void Board::TaskDone(uint64_t of_round) {
  {
    base::MutexLock lock(mutex);
    if (round == of_round) --pending;
  }
  changed.NotifyAll();
}

}  // namespace kgs::sampling
