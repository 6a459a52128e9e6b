// SPDX-License-Identifier: Apache-2.0
#include "sampling/board.h"

#include <algorithm>
#include <utility>

namespace kgs::sampling {

using model::MetricId;
using model::Missing;
using model::Reading;

Reading Slot::Next(size_t index, const Reading& last, Reading fresh) {
  if (fresh.has_value()) {
    given[index] = true;
  } else if (last.has_value() &&
             (fresh.reason() == Missing::kNotReady || fresh.reason() == Missing::kNotSampledYet)) {
    return last.WithDetail(fresh.detail());
  } else if (fresh.reason() == Missing::kUnsupported && given[index]) {
    return Reading::Absent(Missing::kDriverError, fresh.detail() + ", which it was before");
  }
  return fresh;
}

void Slot::DoubtIdleness(gpu::DeviceSample& sample) {
  if (sample.processes && !sample.processes->utilization_problem.empty()) return;
  const Reading& whole = sample.readings[MetricId::kGpuUtilization];
  const bool busy = whole.has_value() && whole.value() > kIdleUtilization;
  const auto is_idle = [](const model::ProcessUse& process) { return process.utilization == 0; };
  if (!busy || !sample.processes || !std::ranges::all_of(sample.processes->processes, is_idle)) {
    unexplained_rounds = 0;
    return;
  }
  if (unexplained_rounds++ == 0) unexplained_since = sample.processes->taken;
  const bool lasts = sample.processes->taken - unexplained_since >= kUnexplainedFor;
  if (!lasts || unexplained_rounds < kUnexplainedRounds) return;
  sample.processes->utilization_problem =
      "the driver has no sample of any process, though the GPU is busy";
}

void Slot::Take(gpu::DeviceSample sample) {
  DoubtIdleness(sample);
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    Reading& reading = readings[static_cast<MetricId>(i)];
    reading = Next(i, reading, std::move(sample.readings[static_cast<MetricId>(i)]));
    if (!sample.slow[i]) slow_readings[static_cast<MetricId>(i)] = Reading();
  }
  slow = sample.slow;
  processes = std::move(sample.processes);
  state = sample.state;
  state_reason = std::move(sample.state_reason);
  // A lost GPU tells nothing: what it wanted before is still to be done to it.
  if (state != model::DeviceState::kLost || !sample.recovery_action.empty()) {
    recovery_action = std::move(sample.recovery_action);
  }
}

void Slot::TakeSlow(const model::MetricSet& metrics, model::Readings fresh) {
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    // The Read of the same round may have come back in between, and have said otherwise.
    if (!metrics[i] || !slow[i]) continue;
    Reading& reading = slow_readings[static_cast<MetricId>(i)];
    reading = Next(i, reading, std::move(fresh[static_cast<MetricId>(i)]));
  }
}

void Slot::ForgetSlow(const model::MetricSet& wanted) {
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    if (!wanted[i]) slow_readings[static_cast<MetricId>(i)] = Reading();
  }
}

model::Readings Slot::All(const model::MetricSet& wanted, const std::string& hung_call) const {
  model::Readings all = readings;
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    if (!slow[i] || !wanted[i]) continue;
    Reading& reading = all[static_cast<MetricId>(i)];
    reading = slow_readings[static_cast<MetricId>(i)];
    if (hung_call.empty()) continue;
    const std::string why = hung_call + " has not returned";
    reading =
        reading.has_value() ? reading.WithDetail(why) : Reading::Absent(Missing::kDriverError, why);
  }
  return all;
}

void Slot::Clear(const std::string& why) {
  processes.reset();
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    readings[static_cast<MetricId>(i)] = Reading::Absent(Missing::kDriverError, why);
  }
  slow.reset();
  slow_readings = {};
}

void Slot::ForgetReadings() {
  processes.reset();
  readings = {};
  slow.reset();
  slow_readings = {};
}

void Board::TaskDone(uint64_t of_round) {
  {
    base::MutexLock lock(mutex);
    if (round == of_round) --pending;
  }
  changed.NotifyAll();
}

}  // namespace kgs::sampling
