// SPDX-License-Identifier: Apache-2.0
#include "engine/wake.h"

#include <algorithm>

#include "base/strings.h"
#include "engine/signal_text.h"

namespace kgs::engine {
namespace {

using model::EngineGap;

bool IsAbsent(const RawTerm& term) {
  return term.zero || (term.gap && (term.gap->reason == EngineGap::kAbsent ||
                                    term.gap->reason == EngineGap::kUnknown));
}

bool IsUnreadable(const RawTerm& term) { return term.gap && !IsAbsent(term); }

WakeReading Of(double demand) {
  if (demand > 0) return {WakeState::kDemand, demand, {}};
  return {WakeState::kNone, 0, {}};
}

WakeReading NoValueYet(const std::string& detail) { return {WakeState::kNoValueYet, 0, detail}; }

WakeReading GaugeDemand(const RawTerm& now) {
  double demand = 0;
  for (const RawSeries& series : now.series) demand += std::max(series.value, 0.0);
  WakeReading reading = Of(demand);
  reading.by_gauges = demand;
  return reading;
}

WakeReading CounterDemand(const RawTerm* before, const RawTerm& now) {
  const bool known = before != nullptr && !IsUnreadable(*before) &&
                     (before->source.empty() || before->source == now.source);
  if (!known) return NoValueYet(now.source + ": needs two readings");
  double gained = 0;
  bool fell = false;
  for (const RawSeries& series : now.series) {
    const RawSeries* old = FindSeries(*before, series.key);
    const double since = old == nullptr ? 0 : old->value;
    // One that fell began again, after the page before: all that it shows has come since.
    fell |= series.value < since;
    gained += std::max(series.value < since ? series.value : series.value - since, 0.0);
  }
  WakeReading reading = Of(gained);
  reading.began_again = fell;
  return reading;
}

WakeReading TermDemand(const Term& term, const RawTerm* before, const RawTerm& now) {
  if (IsUnreadable(now)) return {WakeState::kUnreadable, 0, now.gap->detail};
  if (now.gap) return {WakeState::kAbsent, 0, now.gap->detail};
  if (now.zero)
    return {WakeState::kAbsent, 0, "no " + base::Truncate(NamesText(term), kLongestNames)};
  return term.kind == SeriesKind::kCounter ? CounterDemand(before, now) : GaugeDemand(now);
}

/// Of the terms of one page: the order in which what is not demand is said.
int Weight(WakeState state) {
  switch (state) {
    case WakeState::kAbsent:
      return 0;
    case WakeState::kNone:
      return 1;
    case WakeState::kNoValueYet:
      return 2;
    case WakeState::kUnreadable:
      return 3;
    case WakeState::kDemand:
      return 4;
  }
  return 4;
}

/// A gauge that should be there may stand on the page by another name or label.
int WeightOfTerm(const Term& term, const RawTerm& now, WakeState state) {
  const bool missing = now.gap.has_value() && term.kind != SeriesKind::kCounter;
  if (state == WakeState::kAbsent && missing) return Weight(WakeState::kNoValueYet);
  return Weight(state);
}

/// Of the addresses of one source: one that lacks the series is not read by that others have it.
int WeightOfAddress(WakeState state) {
  if (state == WakeState::kAbsent) return Weight(WakeState::kNone);
  if (state == WakeState::kNone) return Weight(WakeState::kAbsent);
  return Weight(state);
}

}  // namespace

std::string_view WakeStateName(WakeState state) {
  switch (state) {
    case WakeState::kDemand:
      return "demand";
    case WakeState::kNone:
      return "none";
    case WakeState::kAbsent:
      return "absent";
    case WakeState::kNoValueYet:
      return "no value yet";
    case WakeState::kUnreadable:
      return "unreadable";
  }
  return "";
}

WakeReading WakeDemand(const Signal& signal, const RawSignal* before, const RawSignal& now) {
  WakeReading whole;
  int weight = -1;
  double demand = 0;
  double by_gauges = 0;
  bool began_again = false;
  for (size_t i = 0; i < signal.terms.size(); ++i) {
    const RawTerm* old = before == nullptr ? nullptr : &before->terms[i];
    WakeReading one = TermDemand(signal.terms[i], old, now.terms[i]);
    demand += one.demand;
    by_gauges += one.by_gauges;
    began_again |= one.began_again;
    const int own = WeightOfTerm(signal.terms[i], now.terms[i], one.state);
    if (own <= weight) continue;
    weight = own;
    whole = std::move(one);
  }
  whole.demand = demand;
  whole.by_gauges = by_gauges;
  whole.began_again = began_again;
  return whole;
}

void RememberForWake(const Signal& signal, const RawSignal& now, RawSignal& before) {
  const RawTerm never_read{.gap = Gap{EngineGap::kFault, ""}};
  before.terms.resize(now.terms.size(), never_read);
  for (size_t i = 0; i < now.terms.size(); ++i) {
    if (signal.terms[i].kind != SeriesKind::kCounter || IsUnreadable(now.terms[i])) continue;
    before.terms[i] = now.terms[i];
  }
}

WakeReading CombineWake(const std::vector<WakeAddress>& all) {
  const auto worst =
      std::max_element(all.begin(), all.end(), [](const WakeAddress& a, const WakeAddress& b) {
        return WeightOfAddress(a.reading.state) < WeightOfAddress(b.reading.state);
      });
  WakeReading whole = worst->reading;
  whole.demand = 0;
  for (const WakeAddress& one : all) whole.demand += one.reading.demand;
  // What the fetcher says begins with it.
  if (!whole.detail.empty() && !whole.detail.starts_with(worst->where)) {
    whole.detail = worst->where + ": " + whole.detail;
  }
  return whole;
}

}  // namespace kgs::engine
