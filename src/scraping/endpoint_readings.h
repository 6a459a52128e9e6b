// SPDX-License-Identifier: Apache-2.0
//
// What the addresses behind one endpoint have said, and what becomes of it round after round. It
// compares whole pages, which may take a while: nothing that others wait for is held meanwhile.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "endpoint/ip_address.h"
#include "engine/page_reading.h"
#include "model/engine_reading.h"
#include "scraping/endpoint_plan.h"
#include "scraping/query_history.h"
#include "scraping/wake_watch.h"

namespace kgs::scraping {

/// By query key.
using WakesByKey = std::map<std::string, EndpointWake>;

/// Pure. Used by one thread at a time.
class EndpointReadings {
 public:
  /// A round of \p plan begins. What it does not ask is forgotten, and so is what is known of the
  /// addresses \p left: they have been away, and may be another process.
  void BeginRound(const EndpointPlan& plan, base::SteadyTime asked,
                  const std::vector<endpoint::IpAddress>& left);

  /// What \p address answered. Returns what wakes and shows demand now.
  WakesByKey OnPage(const endpoint::IpAddress& address,
                    const absl::StatusOr<engine::PageReading>& page);

  struct Outcome {
    /// By query key.
    std::map<std::string, model::EngineReading> readings;
    WakesByKey wakes;
    bool any_failed = false;
  };
  /// Every address has answered. Those that failed are forgotten, and all that were not asked.
  Outcome EndRound();

  /// Nothing could be asked of \p plan, and why.
  Outcome Fail(const EndpointPlan& plan, const std::string& why, base::SteadyTime now);

  /// About what is kept to be compared with later pages.
  size_t bytes() const;
  /// What grows begins anew.
  void Forget() { histories_.clear(); }
  /// What wakes begins anew.
  void ForgetWakes() { wakes_.clear(); }

 private:
  using IpAddress = endpoint::IpAddress;

  /// Of the last round.
  EndpointPlan plan_;
  base::SteadyTime asked_;
  /// Of this round, by address: a reading for each of the plan's queries.
  std::map<IpAddress, std::vector<model::EngineReading>> round_;
  std::vector<IpAddress> failed_;
  /// By address and query key.
  std::map<IpAddress, std::map<std::string, QueryHistory>> histories_;
  /// By key of those queries that wake.
  std::map<std::string, WakeWatch> wakes_;
};

}  // namespace kgs::scraping
