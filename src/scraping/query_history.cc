// SPDX-License-Identifier: Apache-2.0
#include "scraping/query_history.h"

#include <algorithm>
#include <utility>

#include "engine/engine_rates.h"

namespace kgs::scraping {
namespace {

using engine::PageReading;
using model::EngineGap;
using model::EngineReading;

bool IsNoValueYet(const EngineReading& reading) {
  return !reading.has_value() && reading.gap() == EngineGap::kNoValueYet;
}

/// Whether the page said something of what grows, so that it can be compared with.
bool CanBeKept(const EngineReading& alone) {
  return alone.has_value() || alone.gap() == EngineGap::kNoValueYet ||
         alone.gap() == EngineGap::kNothingHappened;
}

}  // namespace

PageReading Alone(const PageReading& page, size_t place) {
  return {page.taken,   {page.signals[place]}, page.recognised,
          page.samples, page.malformed,        page.duplicates};
}

QueryHistory::QueryHistory(const engine::Wanted& wanted)
    : query_(std::vector<engine::Wanted>{wanted}), grows_(engine::Grows(wanted.signal)) {}

EngineReading QueryHistory::Against(const PageReading* before, const PageReading& now) const {
  return engine::EngineValues(query_, before, now).front();
}

EngineReading QueryHistory::Compare(const PageReading& now, base::Duration longest_gap) {
  if (last_ && now.taken - last_->taken > std::max(longest_gap, kRateWindow)) last_.reset();
  EngineReading with_last = Against(last_ ? &*last_ : nullptr, now);
  if (last_ && IsNoValueYet(with_last)) {
    last_.reset();
    kept_.clear();
  }
  while (!kept_.empty()) {
    const PageReading& oldest = kept_.front();
    if (now.taken - oldest.taken <= kRateWindow) {
      EngineReading reading = Against(&oldest, now);
      if (!IsNoValueYet(reading)) return reading;
    }
    kept_.pop_front();
  }
  return with_last;
}

EngineReading QueryHistory::Add(PageReading now, base::Duration longest_gap) {
  EngineReading alone = Against(nullptr, now);
  if (!grows_ || !CanBeKept(alone)) return alone;
  EngineReading reading = Compare(now, longest_gap);
  if (kept_.empty() || now.taken - kept_.back().taken >= kLeastSpacing) kept_.push_back(now);
  last_ = std::move(now);
  return reading;
}

}  // namespace kgs::scraping
