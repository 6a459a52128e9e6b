// SPDX-License-Identifier: Apache-2.0
#include "scraping/endpoint_readings.h"

#include <set>
#include <utility>

namespace kgs::scraping {
namespace {

using endpoint::IpAddress;
using model::EngineGap;
using model::EngineReading;

/// For so long after the first page, and after a counter began again, nothing is made of what
/// grows. Behind one address of an endpoint several processes may answer in turn (a clusterIP),
/// whose counters have nothing to do with each other: then it never ends.
constexpr base::Duration kSettling = std::chrono::seconds(10);

}  // namespace

void EndpointReadings::BeginRound(const EndpointPlan& plan, base::SteadyTime asked,
                                  const std::vector<IpAddress>& left) {
  plan_ = plan;
  asked_ = asked;
  round_.clear();
  failed_.clear();
  for (const IpAddress& address : left) histories_.erase(address);
  const std::set<std::string> keys(plan.keys.begin(), plan.keys.end());
  const auto is_asked = [&](const auto& entry) { return keys.contains(entry.first); };
  std::erase_if(wakes_, [&](const auto& entry) { return !is_asked(entry); });
  for (auto& [address, histories] : histories_) {
    std::erase_if(histories, [&](const auto& entry) { return !is_asked(entry); });
  }
  for (size_t i = 0; i < plan.keys.size(); ++i) {
    const engine::Wanted& wanted = plan.query->wanted()[i];
    if (wanted.wake) wakes_.try_emplace(plan.keys[i], wanted.signal, asked);
  }
}

WakesByKey EndpointReadings::OnPage(const IpAddress& address,
                                    const absl::StatusOr<engine::PageReading>& page) {
  WakesByKey demand;
  std::vector<EngineReading>& readings = round_[address];
  if (!page.ok()) failed_.push_back(address);
  for (size_t i = 0; i < plan_.keys.size(); ++i) {
    const std::string& key = plan_.keys[i];
    EngineReading& reading = readings.emplace_back();
    if (const auto wake = wakes_.find(key); wake != wakes_.end()) {
      const auto said = page.ok() ? absl::StatusOr<engine::RawSignal>(page->signals[i])
                                  : absl::StatusOr<engine::RawSignal>(page.status());
      if (wake->second.OnPage(address, plan_.url.ShownAt(address), said, asked_)) {
        demand.emplace(key, wake->second.latest());
      }
    } else if (page.ok()) {
      QueryHistory& history =
          histories_[address].try_emplace(key, plan_.query->wanted()[i], kSettling).first->second;
      reading = history.Add(Alone(*page, i), 3 * plan_.interval);
    } else {
      reading =
          EngineReading::Missing(EngineGap::kFault, std::string(page.status().message()), asked_);
    }
  }
  return demand;
}

EndpointReadings::Outcome EndpointReadings::EndRound() {
  Outcome outcome;
  outcome.any_failed = !failed_.empty();
  for (size_t i = 0; i < plan_.keys.size(); ++i) {
    const std::string& key = plan_.keys[i];
    if (const auto wake = wakes_.find(key); wake != wakes_.end()) {
      wake->second.EndRound(round_.size(), asked_);
      outcome.wakes.emplace(key, wake->second.latest());
      continue;
    }
    std::vector<AddressReading> all;
    for (auto& [address, readings] : round_) {
      all.push_back({plan_.url.ShownAt(address), std::move(readings[i])});
    }
    outcome.readings.emplace(key,
                             CombineAddresses(plan_.query->wanted()[i].signal.demand, all, asked_));
  }
  for (const IpAddress& address : failed_) histories_.erase(address);
  std::erase_if(histories_, [&](const auto& entry) { return !round_.contains(entry.first); });
  return outcome;
}

EndpointReadings::Outcome EndpointReadings::Fail(const EndpointPlan& plan, const std::string& why,
                                                 base::SteadyTime now) {
  Outcome outcome;
  for (size_t i = 0; i < plan.keys.size(); ++i) {
    const std::string& key = plan.keys[i];
    const engine::Wanted& wanted = plan.query->wanted()[i];
    if (wanted.wake) {
      WakeWatch& wake = wakes_.try_emplace(key, wanted.signal, now).first->second;
      wake.Fail(why, now);
      outcome.wakes.emplace(key, wake.latest());
    } else {
      outcome.readings.emplace(key, EngineReading::Missing(EngineGap::kFault, why, now));
    }
  }
  return outcome;
}

size_t EndpointReadings::bytes() const {
  size_t bytes = 0;
  for (const auto& [address, histories] : histories_) {
    for (const auto& [key, history] : histories) bytes += history.bytes();
  }
  for (const auto& [key, wake] : wakes_) bytes += wake.bytes();
  return bytes;
}

}  // namespace kgs::scraping
