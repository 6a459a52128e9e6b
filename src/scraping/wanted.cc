// SPDX-License-Identifier: Apache-2.0
#include "scraping/wanted.h"

#include <absl/status/status.h>

#include <algorithm>

#include "base/strings.h"
#include "engine/dialects.h"
#include "engine/series_selector.h"

namespace kgs::scraping {
namespace {

using model::EngineQuery;

constexpr char kAnySeries[] = "prometheus";
constexpr char kAnySeriesWake[] = "prometheus_wake";
constexpr char kPath[] = "/metrics";
/// What wakes is alive and has little to say. An address that hangs holds up the others' next page
/// for so long.
constexpr base::Duration kWakeTimeout = std::chrono::seconds(1);

absl::Status Unknown(const std::string& what, const std::string& word) {
  return absl::InvalidArgumentError("the agent does not know the " + what + " " +
                                    base::QuoteForMessage(word) + ": it may be older than the hub");
}

absl::StatusOr<engine::SeriesSelector> SelectorOf(const EngineQuery& query) {
  engine::SeriesSelector selector;
  selector.name = query.series_name;
  auto labels = engine::ParseSeriesLabels(query.series_labels);
  if (!labels.ok()) return labels.status();
  selector.labels = *std::move(labels);
  if (!query.series_kind.empty()) {
    const auto kind = engine::FindSeriesKind(query.series_kind);
    if (!kind) return Unknown("seriesKind", query.series_kind);
    selector.read_as = *kind;
  }
  if (!query.series_combine.empty()) {
    const auto combine = engine::FindSeriesCombine(query.series_combine);
    if (!combine) return Unknown("seriesCombine", query.series_combine);
    selector.combine = *combine;
  }
  if (!query.series_absent.empty()) {
    const auto absent = engine::FindSeriesAbsent(query.series_absent);
    if (!absent) return Unknown("seriesAbsent", query.series_absent);
    selector.absent = *absent;
  }
  if (absl::Status status = engine::CheckSelector(selector); !status.ok()) return status;
  return selector;
}

/// Whose series are meant, where one page is of many.
absl::Status CheckSelected(const EngineQuery& query, const engine::Dialect& dialect,
                           const engine::LabelMatches& labels) {
  for (const std::string& needed : dialect.selected_by) {
    const bool given = std::any_of(labels.begin(), labels.end(), [&](const auto& label) {
      return label.first == needed && !label.second.empty();
    });
    if (!given) {
      return absl::InvalidArgumentError(
          query.signal + " is of one workload among others: seriesLabels must choose it by " +
          base::JoinWithAnd(dialect.selected_by));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Asked> AskedOfDialect(const EngineQuery& query) {
  auto found = engine::FindSignal(query.signal);
  const bool wake = found.signal == nullptr;
  if (wake) found = engine::FindWakeSignal(query.signal);
  if (found.signal == nullptr) return Unknown("metric", query.signal);
  const engine::Dialect& dialect = *found.dialect;
  const auto labels = engine::ParseSeriesLabels(query.series_labels);
  if (!labels.ok()) return labels.status();
  if (absl::Status status = CheckSelected(query, dialect, *labels); !status.ok()) return status;
  Asked asked;
  asked.wanted = engine::Selected({*found.signal, &dialect, wake}, *labels);
  asked.port = dialect.port;
  asked.path = dialect.path;
  asked.timeout = wake ? kWakeTimeout : dialect.timeout;
  asked.least_interval = dialect.least_interval;
  return asked;
}

absl::StatusOr<Asked> AskedOfAnySeries(const EngineQuery& query) {
  const auto selector = SelectorOf(query);
  if (!selector.ok()) return selector.status();
  Asked asked;
  asked.wanted = engine::WantedSeries(*selector);
  asked.path = kPath;
  if (query.signal != kAnySeriesWake) return asked;
  const engine::SeriesKind kind = selector->read_as.kind;
  if (kind != engine::SeriesKind::kGauge && kind != engine::SeriesKind::kCounter) {
    return absl::InvalidArgumentError("seriesKind " + base::QuoteForMessage(query.series_kind) +
                                      " cannot wake: must be gauge or counter");
  }
  asked.wanted.wake = true;
  asked.timeout = kWakeTimeout;
  return asked;
}

}  // namespace

absl::StatusOr<Asked> WantedOf(const EngineQuery& query) {
  const bool any_series = query.signal == kAnySeries || query.signal == kAnySeriesWake;
  auto asked = any_series ? AskedOfAnySeries(query) : AskedOfDialect(query);
  if (!asked.ok()) return asked;
  if (query.port != 0) asked->port = query.port;
  if (!query.path.empty()) asked->path = query.path;
  return asked;
}

}  // namespace kgs::scraping
