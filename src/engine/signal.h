// SPDX-License-Identifier: Apache-2.0
//
// What is read of a metrics page, as values: which series, what they are, and how they become one
// number. Presets (dialect.h) and series of a user's own (series_selector.h) are both made of
// these.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kgs::engine {

/// Labels that a series must have, each with exactly this value. An empty value is also met by a
/// series without the label.
using LabelMatches = std::vector<std::pair<std::string, std::string>>;

enum class SeriesKind {
  /// Is the number.
  kGauge,
  /// Its increase per second.
  kCounter,
  /// A sum and a count, both counters: the increase of one over that of the other.
  kMean,
  /// A histogram: a quantile of what was observed between two readings.
  kQuantile,
};

/// How several series become one.
enum class Combine { kSum, kMax, kMean, kMin };

/// What it means that a page has no such series.
enum class WhenAbsent {
  /// No value: something is switched off, or of another version.
  kError,
  /// Nothing has happened yet.
  kZero,
  /// It may be either: no value, and replicas are held.
  kHold,
};

/// How one version of an engine names a series. The name is exact; one with a ':' is found with a
/// '_' in its place as well.
struct SeriesName {
  /// Of a histogram the family's, without _bucket; of a mean the sum's.
  std::string name;
  LabelMatches labels;
  /// Of a mean: what the sum is divided by.
  std::string count = {};

  bool operator==(const SeriesName&) const = default;
};

/// One addend of a signal.
struct Term {
  /// The first of these that the page has is read, and no other.
  std::vector<SeriesName> first_of;
  SeriesKind kind = SeriesKind::kGauge;
  /// Of kQuantile, in (0, 1).
  double quantile = 0;
  Combine combine = Combine::kSum;
  /// From the series' unit to the signal's.
  double scale = 1;
  /// Values of a gauge outside these are a fault: the engine means something else by the name.
  std::optional<double> least = std::nullopt;
  std::optional<double> most = std::nullopt;
  /// Taken off rather than added.
  bool subtracted = false;
  /// The term says something only while the first of these that the page has is above 0: else it is
  /// left from before. Empty for always.
  std::vector<SeriesName> while_above_zero = {};

  bool operator==(const Term&) const = default;
};

/// One metricType.
struct Signal {
  /// "vllm_queue_depth".
  std::string name;
  /// "requests", "requests per pod", "percent", "ms", "per second"; empty where only the user
  /// knows.
  std::string unit;
  /// Whether values of several pods add up to a meaning.
  bool demand = false;
  std::vector<Term> terms;
  WhenAbsent absent = WhenAbsent::kError;
  /// For documents.
  std::string help = {};

  bool operator==(const Signal&) const = default;
};

/// Whether it is compared with an earlier reading, so that one alone has no value.
inline bool Grows(const Signal& signal) {
  return std::any_of(signal.terms.begin(), signal.terms.end(),
                     [](const Term& term) { return term.kind != SeriesKind::kGauge; });
}

}  // namespace kgs::engine
