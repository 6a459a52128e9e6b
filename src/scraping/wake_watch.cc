// SPDX-License-Identifier: Apache-2.0
#include "scraping/wake_watch.h"

#include <utility>

#include "scraping/query_history.h"

namespace kgs::scraping {

using engine::WakeAddress;
using engine::WakeReading;
using engine::WakeState;

namespace {

constexpr base::Duration kSettling = std::chrono::seconds(10);
constexpr char kSeveralProcesses[] =
    "its counters begin again and again: several processes answer at one address; give the name of "
    "a headless Service";

}  // namespace

WakeWatch::WakeWatch(engine::Signal signal, base::SteadyTime now)
    : signal_(std::move(signal)),
      latest_{{WakeState::kNoValueYet, 0, "not asked yet"}, now, std::nullopt, {}} {}

WakeReading WakeWatch::Read(const endpoint::IpAddress& address,
                            const absl::StatusOr<engine::RawSignal>& page, base::SteadyTime asked) {
  if (!page.ok()) return {WakeState::kUnreadable, 0, std::string(page.status().message())};
  const auto known = before_.find(address);
  const bool first = known == before_.end();
  WakeReading reading = engine::WakeDemand(signal_, first ? nullptr : &known->second.page, *page);
  Before& before = first ? before_[address] : known->second;
  engine::RememberForWake(signal_, *page, before.page);
  Doubt(reading, before, asked);
  return reading;
}

void WakeWatch::Doubt(WakeReading& reading, Before& before, base::SteadyTime asked) {
  if (reading.began_again) {
    if (before.fell && asked - *before.fell < kSettling) before.doubted_until = asked + kSettling;
    before.fell = asked;
  }
  if (asked >= before.doubted_until || reading.state == WakeState::kUnreadable) return;
  if (reading.by_gauges > 0) {
    reading.demand = reading.by_gauges;
    return;
  }
  reading = {WakeState::kUnreadable, 0, kSeveralProcesses};
}

bool WakeWatch::OnPage(const endpoint::IpAddress& address, const std::string& where,
                       const absl::StatusOr<engine::RawSignal>& page, base::SteadyTime asked) {
  WakeAddress one{where, Read(address, page, asked)};
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

size_t WakeWatch::bytes() const {
  size_t bytes = 0;
  for (const auto& [address, before] : before_) bytes += BytesOf(before.page);
  return bytes;
}

}  // namespace kgs::scraping
