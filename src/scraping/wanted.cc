// SPDX-License-Identifier: Apache-2.0
#include "scraping/wanted.h"

#include <absl/status/status.h>

#include "base/strings.h"
#include "engine/dialects.h"
#include "engine/series_selector.h"

namespace kgs::scraping {
namespace {

using model::EngineQuery;

constexpr char kAnySeries[] = "prometheus";
constexpr char kPath[] = "/metrics";

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

}  // namespace

absl::StatusOr<Asked> WantedOf(const EngineQuery& query) {
  Asked asked;
  if (query.signal == kAnySeries) {
    auto selector = SelectorOf(query);
    if (!selector.ok()) return selector.status();
    asked.wanted = engine::WantedSeries(*selector);
    asked.path = kPath;
  } else {
    const auto [dialect, signal] = engine::FindSignal(query.signal);
    if (signal == nullptr) return Unknown("metric", query.signal);
    asked.wanted = {*signal, dialect};
    asked.port = dialect->port;
    asked.path = dialect->path;
    asked.timeout = dialect->timeout;
    asked.least_interval = dialect->least_interval;
  }
  if (query.port != 0) asked.port = query.port;
  if (!query.path.empty()) asked.path = query.path;
  return asked;
}

}  // namespace kgs::scraping
