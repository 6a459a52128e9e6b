// SPDX-License-Identifier: Apache-2.0
//
// The Prometheus page. Pure: built from one snapshot and the counters at each scrape, so that a
// failed or stale reading's series disappears instead of freezing.
#pragma once

#include <string>

#include "base/clock.h"
#include "http/page.h"
#include "model/node_snapshot.h"
#include "telemetry/counters.h"

namespace kgs::http {

struct MetricsInput {
  /// Null before the first sample.
  const model::NodeSnapshot* snapshot = nullptr;
  base::SteadyTime now;
  /// Readings older than this have no series.
  base::Duration max_reading_age{};
  /// Empty, or why no reading can be served.
  std::string why_blind;
  const telemetry::SamplingCounters& sampling;
  const telemetry::ScalerCounters& scaler;
};

/// Text format 0.0.4. Names, labels and meanings: docs/metrics.md.
Page MetricsPage(const MetricsInput& input);

}  // namespace kgs::http
