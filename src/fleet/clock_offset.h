// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace kgs::fleet {

/// How far another process's monotonic clock is from ours: the smallest (receive - send) of the
/// last ten minutes. It exceeds the true distance by the shortest way a message took, so that a
/// reading never seems younger than it is by more than that, and what waited in a buffer is seen to
/// be old.
///
/// One a boot id. Pure; in memory of fixed size. \p sent_ns is of the other clock.
class ClockOffset {
 public:
  static constexpr base::Duration kWindow = std::chrono::minutes(10);
  /// Times further from the other clock's zero than this (36 years) are no monotonic times: they
  /// are not added, and have no time of ours.
  static constexpr int64_t kFurthestNs = int64_t{1} << 60;
  static constexpr bool Plausible(int64_t ns) { return ns >= -kFurthestNs && ns <= kFurthestNs; }

  void Add(int64_t sent_ns, base::SteadyTime received);
  /// What the other clock calls \p ns, in our time, by the window that ended with the last Add.
  /// Nothing before the first Add.
  std::optional<base::SteadyTime> ToOurs(int64_t ns) const;

 private:
  static constexpr size_t kBuckets = 10;
  struct Bucket {
    int64_t minute = 0;
    int64_t smallest_ns = 0;
    bool used = false;
  };
  /// Null before the first Add.
  const Bucket* Newest() const;

  /// A minute of the window each, the one under way included: forgets after nine to ten minutes.
  std::array<Bucket, kBuckets> buckets_{};
  /// The last minute before a silence that was longer than the window. Alone, the first message
  /// after it would count as having taken no time at all, and it may have waited all that while.
  Bucket before_silence_;
};

}  // namespace kgs::fleet
