// SPDX-License-Identifier: Apache-2.0
#include "fleet/beat.h"

#include <algorithm>

namespace kgs::fleet {

using base::SteadyTime;

SteadyTime Beat::RegularlyDue(const Report& newest) const {
  if (!HasGpusOfLast(newest)) return beat_at_ + interval_ * 9 / 10;
  return repeated_ ? beat_at_ + interval_ : beat_at_ + interval_ * 5 / 4;
}

bool Beat::HasGpusOfLast(const Report& report) const {
  return last_ != nullptr && report->snapshot == last_->snapshot;
}

SteadyTime Beat::Due(const Report& newest, const std::shared_ptr<const Interest>& interest) {
  if (last_ == nullptr) return SteadyTime::min();
  const SteadyTime spaced = sent_at_ + std::min(least_interval_, interval_ * 9 / 10);
  const SteadyTime regularly = std::max(RegularlyDue(newest), spaced);
  if (newest == last_) return regularly;
  if (judged_ != newest || judged_against_ != last_ || judged_by_ != interest) {
    judged_ = newest;
    judged_against_ = last_;
    judged_by_ = interest;
    crosses_ = Crosses(*interest, *last_, *newest);
  }
  return crosses_ ? std::min(regularly, sent_at_ + least_interval_) : regularly;
}

bool Beat::BeforeItsTime(const Report& newest, SteadyTime now) const {
  return last_ != nullptr && now < RegularlyDue(newest);
}

void Beat::Sent(const Report& report, SteadyTime now) {
  const bool had_gpus = HasGpusOfLast(report);
  if (!had_gpus || !BeforeItsTime(report, now)) {
    beat_at_ = now;
    repeated_ = had_gpus;
  }
  last_ = report;
  sent_at_ = now;
}

}  // namespace kgs::fleet
