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

constexpr char kNotSettled[] =
    "a counter has been watched for less than 10s since it began; where that stays, several "
    "processes answer at one address: give the name of a headless Service";

size_t BytesOf(const PageReading& reading) {
  size_t bytes = sizeof(reading);
  for (const engine::RawSignal& signal : reading.signals) bytes += scraping::BytesOf(signal);
  return bytes;
}

/// Whether the page said something of what grows, so that it can be compared with.
bool CanBeKept(const EngineReading& alone) {
  return alone.has_value() || alone.gap() == EngineGap::kNoValueYet ||
         alone.gap() == EngineGap::kNothingHappened;
}

}  // namespace

size_t BytesOf(const engine::RawSignal& signal) {
  size_t bytes = sizeof(signal);
  for (const engine::RawTerm& term : signal.terms) {
    for (const engine::RawSeries& series : term.series) {
      bytes += sizeof(series) + series.key.size() + series.buckets.size() * sizeof(engine::Bucket);
    }
  }
  return bytes;
}

PageReading Alone(const PageReading& page, size_t place) {
  return {page.taken,   {page.signals[place]}, page.recognised,
          page.samples, page.malformed,        page.duplicates};
}

QueryHistory::QueryHistory(const engine::Wanted& wanted, base::Duration settling)
    : query_(std::vector<engine::Wanted>{wanted}),
      grows_(engine::Grows(wanted.signal)),
      settling_(settling) {}

EngineReading QueryHistory::Against(const PageReading* before, const PageReading& now) const {
  return engine::EngineValues(query_, before, now).front();
}

EngineReading QueryHistory::Compare(const PageReading& now, base::Duration longest_gap) {
  if (last_ && now.taken - last_->taken > std::max(longest_gap, kRateWindow)) last_.reset();
  EngineReading with_last = Against(last_ ? &*last_ : nullptr, now);
  if (last_ && IsNoValueYet(with_last)) {
    last_.reset();
    kept_.clear();
    began_again_ = now.taken;
  }
  if (began_again_ && now.taken - *began_again_ < settling_) {
    return EngineReading::Missing(EngineGap::kNoValueYet, kNotSettled, now.taken);
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
  // It may be that several processes answer from the first page on.
  if (!began_again_) began_again_ = now.taken;
  EngineReading reading = Compare(now, longest_gap);
  if (kept_.empty() || now.taken - kept_.back().taken >= kLeastSpacing) kept_.push_back(now);
  // The readings of one query are about as long as each other.
  bytes_ = (kept_.size() + 1) * BytesOf(now);
  last_ = std::move(now);
  return reading;
}

}  // namespace kgs::scraping
