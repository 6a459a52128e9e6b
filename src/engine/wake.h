// SPDX-License-Identifier: Apache-2.0
//
// Whether a page says that somebody wants a workload that has no replica. Unlike a rate, a counter
// counts here by that it moved at all since the page before, so that a request that came and went
// between two pages is seen. Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/raw_signal.h"
#include "engine/signal.h"

namespace kgs::engine {

enum class WakeState {
  /// Somebody wants it.
  kDemand,
  /// All was read, and nobody does.
  kNone,
  /// No such series. Whether that means that nobody does depends on the source: Signal::absent is
  /// its own rule, wakeAbsent the user's.
  kAbsent,
  /// A counter, and no page before it to compare with.
  kNoValueYet,
  /// What was answered cannot be read, or nothing was.
  kUnreadable,
};

/// "demand", "none", "absent", "no value yet", "unreadable".
std::string_view WakeStateName(WakeState state);

struct WakeReading {
  WakeState state = WakeState::kNoValueYet;
  /// Above 0 with kDemand, else 0: gauges, and what counters gained. Several counters may have
  /// counted one request each.
  double demand = 0;
  /// Without demand: what was looked for, in words that do not change from poll to poll. Empty with
  /// kDemand and kNone.
  std::string detail;
  /// Of the demand, what gauges show.
  double by_gauges = 0;
  /// A counter fell.
  bool began_again = false;

  bool operator==(const WakeReading&) const = default;
};

/// What \p now says. \p signal has gauges and counters alone; both pages were read for it.
/// \p before is what RememberForWake has of the same process, or nullptr.
/// - a gauge is its value, where that is above 0;
/// - a counter is what each of its series gained; a series that \p before lacks has gained all;
/// - a counter that fell began again, and has gained what it shows;
/// - with any demand the rest does not matter; of the rest what is worst is said: that a gauge is
///   absent though it should be there before that there is no demand, since another name or label
///   may have it, and that a counter is only where nothing else was read.
WakeReading WakeDemand(const Signal& signal, const RawSignal* before, const RawSignal& now);

/// Puts into \p before what the next page is compared with: the counters of \p now, but for those
/// that could not be read.
void RememberForWake(const Signal& signal, const RawSignal& now, RawSignal& before);

/// What one address of a source says.
struct WakeAddress {
  /// For messages.
  std::string where;
  WakeReading reading;
};

/// The source's reading of \p all, which is not empty: demand anywhere is demand, and only where
/// all say so there is none. Else the first that is worst names the reason.
WakeReading CombineWake(const std::vector<WakeAddress>& all);

}  // namespace kgs::engine
