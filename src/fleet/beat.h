// SPDX-License-Identifier: Apache-2.0
//
// When the next report to one hub is due. Pure; used by one thread.
#pragma once

#include <memory>

#include "base/clock.h"
#include "fleet/interest.h"
#include "model/node_report.h"

namespace kgs::fleet {

/// Follows the reports as they are made, so that what is sent is fresh: a new one may go a little
/// before its time, and one that has not been made yet is waited for a little. Where none is made
/// the last is sent again, interval after interval: its age tells. A report that has the GPUs of
/// the last, and news of engines alone, is none that is waited for: where it goes early, it leaves
/// the time of the next as it was.
class Beat {
 public:
  using Report = std::shared_ptr<const model::NodeReport>;

  Beat(base::Duration interval, base::Duration least_interval)
      : interval_(interval), least_interval_(least_interval) {}

  /// When \p newest is due: at once where nothing was sent yet, soon where it crosses \p interest
  /// against what was sent last. \p interest is not null, and another object where it is another.
  base::SteadyTime Due(const Report& newest, const std::shared_ptr<const Interest>& interest);
  /// Whether at \p now it would only be due for what it crosses.
  bool BeforeItsTime(const Report& newest, base::SteadyTime now) const;
  void Sent(const Report& report, base::SteadyTime now);
  /// To a new stream nothing was sent yet.
  void Restart() { last_ = nullptr; }

 private:
  base::SteadyTime RegularlyDue(const Report& newest) const;
  bool HasGpusOfLast(const Report& report) const;

  const base::Duration interval_;
  const base::Duration least_interval_;
  /// What was sent last.
  Report last_;
  base::SteadyTime sent_at_;
  /// When the last was sent in its time, and whether its GPUs had been sent before.
  base::SteadyTime beat_at_;
  bool repeated_ = false;
  // The last verdict, and on what.
  Report judged_;
  Report judged_against_;
  std::shared_ptr<const Interest> judged_by_;
  bool crosses_ = false;
};

}  // namespace kgs::fleet
