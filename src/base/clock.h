// SPDX-License-Identifier: Apache-2.0
//
// Time is passed in. Ages and deadlines use the steady clock only; the wall clock is for log lines.
#pragma once

#include <chrono>

namespace kgs::base {

using SteadyTime = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// Where "now" comes from. Implementations may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime Now() const = 0;
};

/// The machine's steady clock. Tests use tests/support/fake_clock.h.
class SteadyClock final : public Clock {
 public:
  SteadyTime Now() const override { return std::chrono::steady_clock::now(); }
};

/// \p duration in seconds, fractions kept.
inline double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace kgs::base
