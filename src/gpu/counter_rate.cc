// SPDX-License-Identifier: Apache-2.0
#include "gpu/counter_rate.h"

#include <utility>

namespace kgs::gpu {
namespace {

constexpr double kMicrosPerSecond = 1e6;
/// As far as a rate by our clock may be wrong: no further than the HPA tolerates by default.
constexpr double kMostDoubt = 0.1;

bool Stamped(const CounterRate::Look& a, const CounterRate::Look& b) {
  return a.stamp_us > 0 && b.stamp_us > 0;
}

/// Nothing where it is not clear.
std::optional<double> SecondsBetween(const CounterRate::Look& before,
                                     const CounterRate::Look& look) {
  const double shortest = base::Seconds(look.asked - before.answered);
  const double longest = base::Seconds(look.answered - before.asked);
  if (Stamped(before, look)) {
    const double drivers = static_cast<double>(look.stamp_us - before.stamp_us) / kMicrosPerSecond;
    if (drivers > 0 && drivers >= shortest / 2 && drivers <= longest * 2) return drivers;
  }
  const double seconds = base::Seconds(look.asked - before.asked);
  if (longest - shortest > seconds * kMostDoubt) return std::nullopt;
  return seconds;
}

}  // namespace

CounterRate::Result CounterRate::Add(const Look& look) {
  if (last_ && Stamped(*last_, look) && look.stamp_us == last_->stamp_us) {
    return {Kind::kSameMoment, 0};
  }
  const std::optional<Look> before = std::exchange(last_, look);
  if (!before) return {Kind::kFirst, 0};
  if (look.count < before->count) return {Kind::kFell, 0};
  const std::optional<double> seconds = SecondsBetween(*before, look);
  if (!seconds) {
    // Where every call is slow, the doubt must become small against the time.
    if (before->answered - before->asked <= look.answered - look.asked) last_ = before;
    return {Kind::kTimeUnclear, 0};
  }
  if (*seconds <= 0) return {Kind::kSameMoment, 0};
  return {Kind::kRate, static_cast<double>(look.count - before->count) / *seconds};
}

}  // namespace kgs::gpu
