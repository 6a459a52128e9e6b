// SPDX-License-Identifier: Apache-2.0
#include "gpu/counter_rate.h"

#include <utility>

namespace kgs::gpu {
namespace {

constexpr double kMicrosPerSecond = 1e6;

}  // namespace

CounterRate::Result CounterRate::Add(uint64_t count, int64_t stamp_us, base::SteadyTime asked) {
  const bool stamped = stamp_us > 0 && last_ && last_->stamp_us > 0;
  if (stamped && stamp_us == last_->stamp_us) return {Kind::kSameMoment, 0};
  const std::optional<Look> before = std::exchange(last_, Look{count, stamp_us, asked});
  if (!before) return {Kind::kFirst, 0};
  if (count < before->count) return {Kind::kFell, 0};
  double seconds = base::Seconds(asked - before->asked);
  if (stamped) {
    const double drivers = static_cast<double>(stamp_us - before->stamp_us) / kMicrosPerSecond;
    if (drivers >= seconds / 2 && drivers <= seconds * 2) seconds = drivers;
  }
  if (seconds <= 0) return {Kind::kSameMoment, 0};
  return {Kind::kRate, static_cast<double>(count - before->count) / seconds};
}

}  // namespace kgs::gpu
