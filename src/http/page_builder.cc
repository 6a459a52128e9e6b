// SPDX-License-Identifier: Apache-2.0
#include "http/page_builder.h"

#include <prometheus/text_serializer.h>

#include <cmath>
#include <utility>

namespace kgs::http {

void PageBuilder::Family(const std::string& name, Type type, const std::string& help) {
  families_.push_back({"keda_gpu_scaler_" + name, help, type, {}});
}

void PageBuilder::Gauge(Labels labels, double value) {
  if (!std::isfinite(value)) return;
  Series(std::move(labels)).gauge.value = value;
}

void PageBuilder::Counter(Labels labels, double value) {
  Series(std::move(labels)).counter.value = value;
}

void PageBuilder::Histogram(const telemetry::DurationHistogram& histogram) {
  prometheus::ClientMetric::Histogram& shown = Series({}).histogram;
  const auto& bounds = telemetry::DurationHistogram::kBounds;
  for (size_t i = 0; i < bounds.size(); ++i) {
    shown.sample_count += histogram.bucket(i);
    shown.bucket.push_back({shown.sample_count, bounds[i]});
  }
  shown.sample_count += histogram.bucket(bounds.size());
  shown.sample_sum = histogram.sum_seconds();
}

Page PageBuilder::Build() {
  std::erase_if(families_, [](const auto& family) { return family.metric.empty(); });
  return {200, "text/plain; version=0.0.4; charset=utf-8",
          prometheus::TextSerializer().Serialize(families_)};
}

prometheus::ClientMetric& PageBuilder::Series(Labels labels) {
  prometheus::ClientMetric& series = families_.back().metric.emplace_back();
  series.label = std::move(labels);
  return series;
}

}  // namespace kgs::http
