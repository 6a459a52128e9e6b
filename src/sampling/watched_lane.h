// SPDX-License-Identifier: Apache-2.0
//
// A lane, and whether the driver call in it hangs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/lane.h"

namespace kgs::sampling {

/// A lane as the watchdog sees it.
struct LaneStatus {
  std::string name;
  /// When its task began; nothing while idle.
  std::optional<base::SteadyTime> busy_since;
  /// The driver call that it hangs in, where known.
  std::string doing;
};

/// Of the sampler's thread.
class WatchedLane {
 public:
  explicit WatchedLane(std::string name) : lane_(std::move(name)) {}

  bool busy() const { return lane_.busy(); }
  /// As Lane::TryRun.
  bool TryRun(base::SteadyTime now, std::function<void()> task, std::function<void()> done);
  /// To be called before new work too: a hang that ended is the earlier task's. Logs when a hang
  /// begins, of \p who in \p call (nullptr: not known), and when it ends.
  void Watch(base::SteadyTime now, base::Duration hung_after, const std::string& who,
             const char* call);
  /// The call that hangs, as of the last Watch; else empty.
  const std::string& hung_call() const { return hung_call_; }
  LaneStatus Status() const;
  /// As Lane::StopUntil.
  bool StopUntil(base::SteadyTime deadline) { return lane_.StopUntil(deadline); }

 private:
  base::Lane lane_;
  std::optional<base::SteadyTime> busy_since_;
  std::string hung_call_;
};

}  // namespace kgs::sampling
