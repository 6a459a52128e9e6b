// SPDX-License-Identifier: Apache-2.0
//
// What is made of two pages of one engine or gateway, whatever stands on them: all presets, what
// wakes, and some series of a user's own, over both. The input is the two pages, with a NUL between
// them; a page that begins as JSON is read as an interceptor's.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "engine/dialects.h"
#include "engine/engine_rates.h"
#include "engine/page_reading.h"
#include "engine/series_selector.h"
#include "engine/wake.h"

namespace {

using namespace kgs::engine;
using kgs::base::SteadyTime;

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

const PageQuery& Everything() {
  static const PageQuery query = [] {
    std::vector<Wanted> wanted;
    for (const auto list : {Dialects(), Gateways()}) {
      for (const Dialect* dialect : list) {
        for (const Wanted& one : AllSignals(*dialect)) wanted.push_back(one);
      }
    }
    for (const Dialect* source : WakeSources()) {
      wanted.push_back({*source->wake, source, true});
      wanted.push_back(Selected({*source->wake, source, true}, {{"b", "c"}}));
    }
    for (const std::string_view kind : SeriesKindWords()) {
      for (const std::string_view combine : SeriesCombineWords()) {
        wanted.push_back(WantedSeries({.name = "a",
                                       .labels = {{"b", ""}},
                                       .read_as = *FindSeriesKind(kind),
                                       .combine = *FindSeriesCombine(combine),
                                       .absent = WhenAbsent::kZero}));
      }
    }
    return PageQuery(std::move(wanted));
  }();
  return query;
}

std::optional<PageReading> Read(std::string_view page, SteadyTime taken) {
  PageReader reader(Everything(), Format::kText, 0);
  if (!reader.Feed(page).ok()) return std::nullopt;
  auto reading = reader.Finish(BodyEnd::kKnown, taken);
  if (!reading.ok()) return std::nullopt;
  return *std::move(reading);
}

void CheckWake(const Wanted& wanted, const RawSignal* before, const RawSignal& now) {
  const WakeReading wake = WakeDemand(wanted.signal, before, now);
  Check((wake.demand > 0) == (wake.state == WakeState::kDemand), "demand is above 0");
  Check(wake.detail.size() < 600, "a short reason");
  RawSignal remembered;
  if (before != nullptr) remembered = *before;
  RememberForWake(wanted.signal, now, remembered);
  for (size_t i = 0; i < now.terms.size(); ++i) {
    const RawTerm& term = now.terms[i];
    if (wanted.signal.terms[i].kind != kgs::engine::SeriesKind::kCounter) continue;
    if (term.gap && term.gap->reason == kgs::model::EngineGap::kFault) continue;
    Check(remembered.terms[i] == term, "what was read of counters is remembered");
  }
}

void CheckValues(const PageReading* before, const PageReading& now) {
  const auto values = EngineValues(Everything(), before, now);
  Check(values.size() == Everything().wanted().size(), "a reading for each signal");
  for (size_t i = 0; i < values.size(); ++i) {
    const Wanted& wanted = Everything().wanted()[i];
    if (wanted.wake)
      CheckWake(wanted, before == nullptr ? nullptr : &before->signals[i], now.signals[i]);
    Check(values[i].taken() == now.taken, "of the later page");
    if (!values[i].has_value()) {
      Check(values[i].detail().size() < 600, "a short reason");
      continue;
    }
    const double value = values[i].value();
    Check(std::isfinite(value), "a value is finite");
    const bool quantile = wanted.signal.terms[0].kind == SeriesKind::kQuantile;
    if (wanted.dialect != nullptr && !quantile && wanted.signal.unit != "ms") {
      Check(value >= 0, "a preset is not negative");
      Check(wanted.signal.unit != "percent" || value <= 100, "a share is at most 100 percent");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find('\0');
  const std::string_view second = cut == input.npos ? input : input.substr(cut + 1);
  const auto before = Read(input.substr(0, cut), SteadyTime{});
  const auto now = Read(second, SteadyTime{} + std::chrono::seconds(1));
  if (!now) return 0;
  CheckValues(nullptr, *now);
  if (before) CheckValues(&*before, *now);
  return 0;
}
