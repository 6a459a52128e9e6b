// SPDX-License-Identifier: Apache-2.0
//
// Where lanes leave what they read for the sampler to pick up.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "gpu/backend.h"
#include "model/gpu.h"
#include "model/reading.h"

namespace kgs::sampling {

/// What is known of one GPU.
struct Slot {
  model::DeviceState state = model::DeviceState::kPresent;
  std::string state_reason;
  /// What Read brought: those of slow metrics are absent.
  model::Readings readings;
  /// Those that only ReadSlow gives, as the last Read said.
  model::MetricSet slow;
  /// What ReadSlow brought, of metrics that are slow.
  model::Readings slow_readings;
  std::string recovery_action;
  /// By metric: a value was read at some time. Such a metric that turns unsupported is a failure:
  /// left out of an aggregate like one that never was, it could read as falling load.
  std::array<bool, model::kMetricCount> given{};
  /// As the last Read had them.
  std::optional<model::ProcessUses> processes;
  /// For so many rounds, and since when, the GPU has been busy and none of its processes.
  int unexplained_rounds = 0;
  base::SteadyTime unexplained_since;

  /// Takes what a Read brought. Where the driver merely has no sample at the moment, the last value
  /// stays, with its time, and goes stale by itself; the driver's words stay beside it.
  void Take(gpu::DeviceSample sample);
  /// The same for what a ReadSlow of \p metrics brought.
  void TakeSlow(const model::MetricSet& metrics, model::Readings fresh);
  /// Lets go of what ReadSlow brought of all but \p wanted.
  void ForgetSlow(const model::MetricSet& wanted);
  /// All readings: of the slow metrics that are \p wanted what ReadSlow brought. Where
  /// \p hung_call, of ReadSlow, is not empty, it is why they are not renewed.
  model::Readings All(const model::MetricSet& wanted, const std::string& hung_call) const;
  /// No value is left; every reading is absent for the reason \p why.
  void Clear(const std::string& why);
  /// No value is left, and nothing has been read yet.
  void ForgetReadings();

 private:
  /// A GPU is busy for a moment after its last process has ended. Where that lasts, the driver's
  /// samples by process are missing, and do not say that all are idle.
  static constexpr double kIdleUtilization = 5;
  static constexpr int kUnexplainedRounds = 3;
  static constexpr base::Duration kUnexplainedFor = std::chrono::seconds(3);
  void DoubtIdleness(gpu::DeviceSample& sample);

  /// What becomes of \p last, a reading of the metric \p index, now that \p fresh has been read.
  model::Reading Next(size_t index, const model::Reading& last, model::Reading fresh);
};

/// One a session: a lane that returns late from an earlier session writes into that one's board,
/// which nobody reads any more. Shared with the lanes.
struct Board {
  base::Mutex mutex;
  base::CondVar changed;
  std::vector<Slot> slots KGS_GUARDED_BY(mutex);
  /// Stays set: the session is to be opened anew.
  bool session_broken KGS_GUARDED_BY(mutex) = false;
  /// Since they were last taken from here.
  std::vector<gpu::XidEvent> xids KGS_GUARDED_BY(mutex);
  std::optional<absl::StatusOr<gpu::Session>> opened KGS_GUARDED_BY(mutex);
  /// Tasks of the present round that are not done. One that hangs from an earlier round is not
  /// among them.
  int pending KGS_GUARDED_BY(mutex) = 0;
  uint64_t round KGS_GUARDED_BY(mutex) = 0;

  /// Counts a task of \p of_round as done. On the lane's thread.
  void TaskDone(uint64_t of_round);
};

}  // namespace kgs::sampling
