// SPDX-License-Identifier: Apache-2.0
#include "fleet/beat.h"

#include <algorithm>

namespace kgs::fleet {

using base::SteadyTime;

SteadyTime Beat::RegularlyDue(const Report& newest) const {
  if (newest != last_) return sent_at_ + interval_ * 9 / 10;
  return repeated_ ? sent_at_ + interval_ : sent_at_ + interval_ * 5 / 4;
}

SteadyTime Beat::Due(const Report& newest, const std::shared_ptr<const Interest>& interest) {
  if (last_ == nullptr) return SteadyTime::min();
  const SteadyTime regularly = RegularlyDue(newest);
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
  repeated_ = report == last_;
  last_ = report;
  sent_at_ = now;
}

}  // namespace kgs::fleet
