// SPDX-License-Identifier: Apache-2.0
//
// One number read from an inference engine, or the reason why there is none. Never a silent 0.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace kgs::model {

/// Why there is no value.
enum class EngineGap {
  /// A rate wants two readings of the same process, and this is the first.
  kNoValueYet,
  /// A mean or a percentile over a time in which nothing happened: no signal, which is not 0.
  kNothingHappened,
  /// The page is this engine's and lacks the series: it is switched off, or of another version.
  kAbsent,
  /// The page lacks the series, and for this engine that may mean no load or a fault: replicas are
  /// held.
  kUnknown,
  /// What was answered cannot be believed.
  kFault,
  /// The engine sleeps: it answers, and is no capacity.
  kSleeping,
};
inline constexpr EngineGap kEngineGaps[] = {EngineGap::kNoValueYet, EngineGap::kNothingHappened,
                                            EngineGap::kAbsent,     EngineGap::kUnknown,
                                            EngineGap::kFault,      EngineGap::kSleeping};

/// "no value yet", "nothing happened", "absent", "unknown", "fault", "sleeping".
std::string_view EngineGapName(EngineGap gap);

class EngineReading {
 public:
  /// No value yet.
  EngineReading() = default;

  /// \p value is finite. \p taken is the steady time at which the engine was asked.
  static EngineReading Value(double value, base::SteadyTime taken) {
    EngineReading reading;
    reading.value_ = value;
    reading.taken_ = taken;
    return reading;
  }

  /// \p detail names what was looked for, in words of ours that do not change from poll to poll,
  /// and nothing of what the engine answered.
  static EngineReading Missing(EngineGap gap, std::string detail, base::SteadyTime taken) {
    EngineReading reading;
    reading.gap_ = gap;
    reading.detail_ = std::move(detail);
    reading.taken_ = taken;
    return reading;
  }

  bool has_value() const { return value_.has_value(); }
  double value() const {
    assert(value_);
    return *value_;
  }
  /// When the engine was asked, value or not.
  base::SteadyTime taken() const { return taken_; }
  /// Of a reading without a value only.
  EngineGap gap() const { return gap_; }
  const std::string& detail() const { return detail_; }

  bool operator==(const EngineReading&) const = default;

 private:
  std::optional<double> value_;
  base::SteadyTime taken_;
  EngineGap gap_ = EngineGap::kNoValueYet;
  std::string detail_;
};

}  // namespace kgs::model
