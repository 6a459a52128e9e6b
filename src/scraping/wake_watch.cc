// SPDX-License-Identifier: Apache-2.0
#include "scraping/wake_watch.h"

#include <utility>

namespace kgs::scraping {

using engine::WakeAddress;
using engine::WakeReading;
using engine::WakeState;

WakeWatch::WakeWatch(engine::Signal signal, base::SteadyTime now)
    : signal_(std::move(signal)),
      latest_{{WakeState::kNoValueYet, 0, "not asked yet"}, now, std::nullopt, {}} {}

WakeReading WakeWatch::Read(const endpoint::IpAddress& address,
                            const absl::StatusOr<engine::RawSignal>& page) {
  if (!page.ok()) return {WakeState::kUnreadable, 0, std::string(page.status().message())};
  const auto before = before_.find(address);
  WakeReading reading =
      engine::WakeDemand(signal_, before == before_.end() ? nullptr : &before->second, *page);
  engine::RememberForWake(*page, before_[address]);
  return reading;
}

bool WakeWatch::OnPage(const endpoint::IpAddress& address, const std::string& where,
                       const absl::StatusOr<engine::RawSignal>& page, base::SteadyTime asked) {
  WakeAddress one{where, Read(address, page)};
  const bool demand = one.reading.state == WakeState::kDemand;
  round_.insert_or_assign(address, std::move(one));
  if (!demand) return false;
  const bool seen = latest_.reading.state == WakeState::kDemand;
  latest_.reading = round_.at(address).reading;
  latest_.taken = asked;
  latest_.last_demand = asked;
  return !seen;
}

void WakeWatch::EndRound(size_t pages, base::SteadyTime asked) {
  std::erase_if(before_, [&](const auto& entry) { return !round_.contains(entry.first); });
  std::vector<WakeAddress> all;
  for (auto& [address, one] : std::exchange(round_, {})) all.push_back(std::move(one));
  // One that began within the round has not seen all of it.
  if (all.empty() || all.size() < pages) return;
  latest_.reading = engine::CombineWake(all);
  latest_.taken = asked;
}

void WakeWatch::Fail(const std::string& why, base::SteadyTime asked) {
  round_.clear();
  latest_.reading = {WakeState::kUnreadable, 0, why};
  latest_.taken = asked;
}

}  // namespace kgs::scraping
