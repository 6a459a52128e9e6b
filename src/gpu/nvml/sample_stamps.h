// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <vector>

#include "base/clock.h"
#include "gpu/nvml/abi.h"

namespace kgs::gpu::nvml {

/// Tells which of a driver's samples by process are new. Their stamps are of a clock that may be
/// set, and drivers are known to give some that are wrong: a stamp from the future must neither
/// count as load, again and again, nor hide what comes after it.
///
/// One GPU's ring of samples. Used by one thread at a time.
class SampleStamps {
 public:
  using Samples = std::vector<abi::ProcessUtilizationSample>;
  /// In microseconds of the driver's clock.
  using Stamp = unsigned long long;

  /// Longer than any sample period, of which a driver has a sixth of a second to one second, by
  /// product: within it a process that is busy has a sample.
  static constexpr base::Duration kLongestPeriod = std::chrono::milliseconds(1500);

  /// Samples with later stamps are to be asked for; 0: all.
  Stamp since() const { return since_; }

  /// Takes what the driver answered at \p now, and leaves in \p samples those that are new. False
  /// where there is none though processes may have been busy.
  bool Take(Samples& samples, base::SteadyTime now);

  /// Where Take has left none: takes all that the ring holds. Nothing may be later than since()
  /// because the clock was set back, or because since() was wrong. As Take.
  bool TakeRing(const Samples& ring, base::SteadyTime now);

 private:
  using Stamps = std::set<Stamp>;

  /// The latest that can be right.
  Stamp Limit(const Samples& samples, base::SteadyTime now) const;
  /// Drops the known strays among \p samples, and forgets those that are not among them.
  void DropStrays(Samples& samples);
  void GoOnFrom(Stamp stamp, base::SteadyTime now);

  Stamp since_ = 0;
  /// When that was believed, by our clock, and how far from it the driver's clock may have been.
  base::SteadyTime believed_at_;
  base::Duration slack_{};
  std::optional<base::SteadyTime> looked_at_;
  /// Later than since_, and not right.
  Stamps strays_;
  /// Where an answer was wholly ahead of time, its latest: if later ones follow, the clock was set.
  std::optional<Stamp> jumped_to_;
  /// What the ring held, where nothing has come since.
  std::optional<Stamps> ring_;
  base::SteadyTime doubt_until_;
};

}  // namespace kgs::gpu::nvml
