// SPDX-License-Identifier: Apache-2.0
//
// Builds a page in Prometheus' text format 0.0.4, family by family.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "http/page.h"
#include "telemetry/counters.h"

namespace kgs::http {

class PageBuilder {
 public:
  using Labels = std::vector<prometheus::ClientMetric::Label>;
  using Type = prometheus::MetricType;

  /// The family that the next series go to; \p name without our prefix. One without series is not
  /// shown.
  void Family(const std::string& name, Type type, const std::string& help);
  /// A number that is none has no series: the page never says NaN.
  void Gauge(Labels labels, double value);
  void Counter(Labels labels, double value);
  void Counter(Labels labels, const telemetry::Counter& counter) {
    Counter(std::move(labels), static_cast<double>(counter.value()));
  }
  void Histogram(const telemetry::DurationHistogram& histogram);

  Page Build();

 private:
  prometheus::ClientMetric& Series(Labels labels);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace kgs::http
