// SPDX-License-Identifier: Apache-2.0
//
// Decisions as people read them: proto/debug.proto and the same as JSON. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "debug.pb.h"
#include "scaler/trigger_watch.h"

namespace kgs::scaler {

/// One moment in both times, to tell when something was.
struct Moment {
  base::SteadyTime steady;
  std::chrono::system_clock::time_point wall;

  static Moment Now() {
    return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
  }
};

debug::v1::ListDecisionsResponse DecisionsProto(const std::vector<TriggerHistory>& histories,
                                                const Moment& now);

/// So many triggers are shown with their inputs and answers.
inline constexpr size_t kMostHistories = 100;

/// Every field of the message that is there, under its own name. \p cut: more than kMostHistories.
std::string DecisionsJson(const std::vector<TriggerHistory>& histories, bool cut,
                          const Moment& now);

}  // namespace kgs::scaler
