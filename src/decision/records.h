// SPDX-License-Identifier: Apache-2.0
//
// The last answers that a trigger got, so that people can see why. A plain value, bounded.
#pragma once

#include <cstdint>
#include <deque>

#include "base/clock.h"
#include "decision/decision.h"

namespace kgs::decision {

/// One answer, or several of the same case in a row.
struct Record {
  /// The latest of them.
  Decision decision;
  base::SteadyTime first;
  base::SteadyTime last;
  uint64_t times = 1;
};

/// Whether two answers are the same to whoever asked: value, activity and their errors.
bool SameAnswer(const Decision& a, const Decision& b);

class Records {
 public:
  /// So many stay, at least one.
  explicit Records(size_t most = kMost) : most_(most) {}

  /// An answer that is the same as the last one takes its place, and so does one of the same branch
  /// and activity within kOneMoment of its first: whoever asks many times a second must not push
  /// out what was before.
  /// Returns whether an older one was forgotten for it.
  bool Add(Decision decision, base::SteadyTime now);
  /// Only where it is of another branch or activity than the last: for what is looked at many times
  /// a second without being told to anybody.
  bool AddIfOther(const Decision& decision, base::SteadyTime now);

  /// The oldest first.
  const std::deque<Record>& all() const { return records_; }

  static constexpr size_t kMost = 20;
  /// Of all but the newest so many inputs stay.
  static constexpr size_t kMostOldInputs = 8;
  static constexpr base::Duration kOneMoment = std::chrono::seconds(1);

 private:
  size_t most_;
  std::deque<Record> records_;
};

}  // namespace kgs::decision
