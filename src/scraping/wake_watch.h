// SPDX-License-Identifier: Apache-2.0
//
// What the addresses behind an endpoint say of whether a workload is wanted, round after round.
// Pure; not thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "endpoint/ip_address.h"
#include "engine/raw_signal.h"
#include "engine/signal.h"
#include "engine/wake.h"

namespace kgs::scraping {

/// What came of one wake query to one endpoint.
struct EndpointWake {
  /// Of the last round, or of as much of this one as has demand.
  engine::WakeReading reading;
  /// When that was asked.
  base::SteadyTime taken;
  /// When the last page with demand was asked for: a burst between two looks at this is not lost.
  std::optional<base::SteadyTime> last_demand = std::nullopt;
  /// An older reading is no longer fresh, whatever it is.
  base::Duration max_age{};
};

class WakeWatch {
 public:
  /// \p now for the reading before the first.
  WakeWatch(engine::Signal signal, base::SteadyTime now);

  /// What \p address answered to a round asked at \p asked. Demand is told at once, whatever the
  /// other addresses say: returns whether there is some that latest() did not show.
  bool OnPage(const endpoint::IpAddress& address, const std::string& where,
              const absl::StatusOr<engine::RawSignal>& page, base::SteadyTime asked);
  /// \p pages were asked for. What is known of other addresses is forgotten.
  void EndRound(size_t pages, base::SteadyTime asked);
  /// There was no round, and why.
  void Fail(const std::string& why, base::SteadyTime asked);

  /// Without a max_age.
  const EndpointWake& latest() const { return latest_; }
  /// About what is kept of counters.
  size_t bytes() const;

 private:
  /// What is remembered of an address.
  struct Before {
    /// What its next page is compared with. It outlives pages that fail: what a counter gained
    /// meanwhile was asked for, of this process or the one after it.
    engine::RawSignal page;
    /// When a counter last fell.
    std::optional<base::SteadyTime> fell;
    /// Until then its counters are not believed: they fell twice in a short time, so that several
    /// processes answer at the address (a clusterIP), in which nobody need ask for anything.
    base::SteadyTime doubted_until;
  };

  engine::WakeReading Read(const endpoint::IpAddress& address,
                           const absl::StatusOr<engine::RawSignal>& page, base::SteadyTime asked);
  static void Doubt(engine::WakeReading& reading, Before& before, base::SteadyTime asked);

  const engine::Signal signal_;
  EndpointWake latest_;
  /// Those of this round.
  std::map<endpoint::IpAddress, engine::WakeAddress> round_;
  std::map<endpoint::IpAddress, Before> before_;
};

}  // namespace kgs::scraping
