// SPDX-License-Identifier: Apache-2.0
//
// A series of a user's own choice: metricType prometheus. Pure.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/page_query.h"
#include "engine/signal.h"

namespace kgs::engine {

/// What a series is read as, by the words of seriesKind.
struct SeriesReadAs {
  SeriesKind kind = SeriesKind::kGauge;
  /// Of kQuantile.
  double quantile = 0;

  bool operator==(const SeriesReadAs&) const = default;
};

/// "gauge", "counter" (per second), "histogram-mean", "histogram-p50", "-p90", "-p95", "-p99".
std::optional<SeriesReadAs> FindSeriesKind(std::string_view word);
std::vector<std::string_view> SeriesKindWords();

/// "sum", "max", "mean", "min".
std::optional<Combine> FindSeriesCombine(std::string_view word);
std::vector<std::string_view> SeriesCombineWords();

/// "zero", "error", "hold".
std::optional<WhenAbsent> FindSeriesAbsent(std::string_view word);
std::vector<std::string_view> SeriesAbsentWords();

/// At most 256 bytes, without blanks, quotes, braces or control characters. Whether a page has it
/// is another question.
bool IsSeriesName(std::string_view name);

/// "engine=0,model_name=m": at most 16 labels, each once. A value with a comma or a quote in it
/// stands in double quotes, with '\' before a '"' or a '\'. An empty text is no labels.
/// INVALID_ARGUMENT says what is wrong, without a value.
absl::StatusOr<LabelMatches> ParseSeriesLabels(std::string_view text);

struct SeriesSelector {
  /// Of a histogram the family's name, without _bucket, _sum or _count.
  std::string name;
  LabelMatches labels;
  SeriesReadAs read_as;
  Combine combine = Combine::kSum;
  WhenAbsent absent = WhenAbsent::kError;

  bool operator==(const SeriesSelector&) const = default;
};

/// INVALID_ARGUMENT where its parts contradict each other.
absl::Status CheckSelector(const SeriesSelector& selector);

/// As a signal named "prometheus", without a unit. What is added up over series adds up over pods
/// too.
Wanted WantedSeries(const SeriesSelector& selector);

}  // namespace kgs::engine
