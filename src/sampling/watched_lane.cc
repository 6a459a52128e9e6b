// SPDX-License-Identifier: Apache-2.0
#include "sampling/watched_lane.h"

#include <utility>

#include "base/log.h"

namespace kgs::sampling {

bool WatchedLane::TryRun(base::SteadyTime now, std::function<void()> task,
                         std::function<void()> done) {
  if (!lane_.TryRun(std::move(task), std::move(done))) return false;
  busy_since_ = now;
  return true;
}

void WatchedLane::Watch(base::SteadyTime now, base::Duration hung_after, const std::string& who,
                        const char* call) {
  if (!lane_.busy()) {
    if (!hung_call_.empty()) {
      base::LogInfo("driver call has returned", {{"who", who}, {"call", hung_call_}});
    }
    busy_since_.reset();
    hung_call_.clear();
    return;
  }
  const bool hung = busy_since_ && now - *busy_since_ >= hung_after;
  if (!hung || !hung_call_.empty()) return;
  hung_call_ = call != nullptr ? call : "a driver call";
  base::LogError("driver call hangs", {{"who", who}, {"call", hung_call_}});
}

LaneStatus WatchedLane::Status() const {
  return {lane_.name(), lane_.busy() ? busy_since_ : std::nullopt, hung_call_};
}

}  // namespace kgs::sampling
