// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_rates.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <variant>

#include "engine/quantile.h"

namespace kgs::engine {
namespace {

using model::EngineGap;
using model::EngineReading;

using Outcome = std::variant<double, Gap>;

Gap NoValueYet(const char* why) { return {EngineGap::kNoValueYet, why}; }
Gap NothingHappened(const std::string& source) {
  return {EngineGap::kNothingHappened, source + ": nothing between two readings"};
}

double Combined(Combine combine, const std::vector<double>& values) {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  switch (combine) {
    case Combine::kSum:
      return sum;
    case Combine::kMean:
      return sum / static_cast<double>(values.size());
    case Combine::kMax:
      return *std::max_element(values.begin(), values.end());
    case Combine::kMin:
      return *std::min_element(values.begin(), values.end());
  }
  return sum;
}

/// What has been added to each series that both readings have; an error where one fell.
std::variant<std::vector<RawSeries>, Gap> Increases(const RawTerm& before, const RawTerm& now) {
  std::vector<RawSeries> increases;
  for (const RawSeries& series : now.series) {
    const RawSeries* old = FindSeries(before, series.key);
    if (old == nullptr) continue;
    RawSeries increase{series.key, series.value - old->value, series.count - old->count, {}};
    bool fell = increase.value < 0 || increase.count < 0;
    if (old->buckets.size() != series.buckets.size()) {
      return NoValueYet("the histogram has other buckets than before");
    }
    for (size_t i = 0; i < series.buckets.size(); ++i) {
      const Bucket& bucket = series.buckets[i];
      if (bucket.bound != old->buckets[i].bound) {
        return NoValueYet("the histogram has other buckets than before");
      }
      increase.buckets.push_back({bucket.bound, bucket.count - old->buckets[i].count});
      fell = fell || increase.buckets.back().count < 0;
    }
    if (fell) return NoValueYet("a counter began again");
    increases.push_back(std::move(increase));
  }
  if (increases.empty()) return NoValueYet("no series is in two readings");
  return increases;
}

/// One series of all, or nothing where their buckets differ.
std::optional<RawSeries> Added(const std::vector<RawSeries>& all) {
  RawSeries sum = all.front();
  for (size_t i = 1; i < all.size(); ++i) {
    sum.value += all[i].value;
    sum.count += all[i].count;
    if (all[i].buckets.size() != sum.buckets.size()) return std::nullopt;
    for (size_t j = 0; j < sum.buckets.size(); ++j) {
      if (all[i].buckets[j].bound != sum.buckets[j].bound) return std::nullopt;
      sum.buckets[j].count += all[i].buckets[j].count;
    }
  }
  return sum;
}

/// The mean or the quantile of what a series has gained, or nothing where that is nothing.
std::optional<double> Statistic(const Term& term, const RawSeries& increase) {
  if (term.kind == SeriesKind::kQuantile) return Quantile(term.quantile, increase.buckets);
  if (increase.count == 0) return std::nullopt;
  return increase.value / increase.count;
}

Outcome StatisticOf(const Term& term, const std::string& source, std::vector<RawSeries> increases) {
  if (term.combine == Combine::kSum) {
    const auto sum = Added(increases);
    if (!sum) return Gap{EngineGap::kFault, source + ": series with different buckets"};
    increases = {*sum};
  }
  std::vector<double> values;
  for (const RawSeries& increase : increases) {
    if (const auto value = Statistic(term, increase)) values.push_back(*value);
  }
  if (values.empty()) return NothingHappened(source);
  return Combined(term.combine, values);
}

Outcome GaugeValue(const Term& term, const RawTerm& now) {
  std::vector<double> values;
  for (const RawSeries& series : now.series) {
    values.push_back(term.most ? std::min(series.value, *term.most) : series.value);
  }
  return Combined(term.combine, values);
}

Outcome GrowthValue(const Term& term, const RawTerm* before, const RawTerm& now, double seconds) {
  if (before == nullptr || before->gap || before->zero || before->source != now.source ||
      !(seconds > 0)) {
    return NoValueYet("needs two readings");
  }
  auto increases = Increases(*before, now);
  if (const Gap* gap = std::get_if<Gap>(&increases)) return *gap;
  auto& series = std::get<std::vector<RawSeries>>(increases);
  if (term.kind != SeriesKind::kCounter) return StatisticOf(term, now.source, std::move(series));
  std::vector<double> rates;
  rates.reserve(series.size());
  for (const RawSeries& increase : series) rates.push_back(increase.value / seconds);
  return Combined(term.combine, rates);
}

Outcome TermValue(const Term& term, const RawTerm* before, const RawTerm& now, double seconds) {
  if (now.gap) return *now.gap;
  if (now.zero) {
    if (term.kind == SeriesKind::kGauge || term.kind == SeriesKind::kCounter) return 0.0;
    return NothingHappened(term.first_of.front().name);
  }
  if (term.kind == SeriesKind::kGauge) return GaugeValue(term, now);
  return GrowthValue(term, before, now, seconds);
}

Outcome SignalValue(const Signal& signal, const RawSignal* before, const RawSignal& now,
                    double seconds) {
  double sum = 0;
  bool subtracted = false;
  for (size_t i = 0; i < signal.terms.size(); ++i) {
    const Term& term = signal.terms[i];
    const RawTerm* old = before == nullptr ? nullptr : &before->terms[i];
    const Outcome outcome = TermValue(term, old, now.terms[i], seconds);
    if (const Gap* gap = std::get_if<Gap>(&outcome)) return *gap;
    const double value = std::get<double>(outcome) * term.scale;
    sum += term.subtracted ? -value : value;
    subtracted = subtracted || term.subtracted;
  }
  // Two gauges of one page are not of one moment.
  if (subtracted && sum < 0) sum = 0;
  if (!std::isfinite(sum)) return Gap{EngineGap::kFault, "not a finite number"};
  return sum;
}

}  // namespace

std::vector<EngineReading> EngineValues(const PageQuery& query, const PageReading* before,
                                        const PageReading& now) {
  const double seconds = before == nullptr ? 0 : base::Seconds(now.taken - before->taken);
  std::vector<EngineReading> readings;
  readings.reserve(query.wanted().size());
  for (size_t i = 0; i < query.wanted().size(); ++i) {
    const RawSignal* old = before == nullptr ? nullptr : &before->signals[i];
    const Outcome outcome = SignalValue(query.wanted()[i].signal, old, now.signals[i], seconds);
    if (const Gap* gap = std::get_if<Gap>(&outcome)) {
      readings.push_back(EngineReading::Missing(gap->reason, gap->detail, now.taken));
    } else {
      readings.push_back(EngineReading::Value(std::get<double>(outcome), now.taken));
    }
  }
  return readings;
}

}  // namespace kgs::engine
