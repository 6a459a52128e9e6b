// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "catalogue/metrics.h"
#include "fleet/wire.h"

namespace kgs::fleet {
namespace {

void Fill(const std::vector<Crossing>& gpus, pb::Interest* message) {
  const size_t count = std::min(gpus.size(), kMostCrossings);
  for (size_t i = 0; i < count; ++i) {
    pb::Crossing* crossing = message->add_crossings();
    crossing->set_metric(std::string(catalogue::MetricOf(gpus[i].metric).name));
    crossing->set_aggregation(std::string(catalogue::AggregationName(gpus[i].aggregation)));
    crossing->set_threshold(gpus[i].threshold);
  }
}

void Fill(const std::vector<EngineCrossing>& engines, pb::Interest* message) {
  size_t bytes = 0;
  for (const EngineCrossing& engine : engines) {
    if (static_cast<size_t>(message->engine_crossings_size()) == kMostCrossings) return;
    pb::EngineCrossing* crossing = message->add_engine_crossings();
    crossing->set_key(engine.key);
    crossing->set_threshold(engine.threshold);
    bytes += crossing->ByteSizeLong() + kMostFraming;
    if (bytes <= kMostEngineCrossingBytes) continue;
    message->mutable_engine_crossings()->RemoveLast();
    return;
  }
}

std::vector<EngineCrossing> EnginesOf(const pb::Interest& message) {
  std::vector<EngineCrossing> engines;
  for (const pb::EngineCrossing& crossing : message.engine_crossings()) {
    if (engines.size() == kMostCrossings) break;
    if (crossing.key().empty() || !std::isfinite(crossing.threshold())) continue;
    engines.push_back({crossing.key(), crossing.threshold()});
  }
  return engines;
}

/// As many as there are, whatever is said.
model::MetricSet MetricsOf(const pb::Interest& message) {
  model::MetricSet metrics;
  for (const catalogue::Metric& metric : catalogue::Metrics()) {
    const auto& names = message.metrics();
    const auto end = names.begin() + std::min<int>(names.size(), kMostMetrics);
    metrics[model::Index(metric.id)] = std::find(names.begin(), end, metric.name) != end;
  }
  return metrics;
}

}  // namespace

pb::Interest ToWire(const Interest& interest) {
  pb::Interest message;
  Fill(interest.gpus, &message);
  Fill(interest.engines, &message);
  for (const catalogue::Metric& metric : catalogue::Metrics()) {
    if (interest.metrics[model::Index(metric.id)]) message.add_metrics(std::string(metric.name));
  }
  return message;
}

Interest FromWire(const pb::Interest& message) {
  Interest interest;
  interest.engines = EnginesOf(message);
  interest.metrics = MetricsOf(message);
  for (const pb::Crossing& crossing : message.crossings()) {
    if (interest.gpus.size() == kMostCrossings) break;
    const auto aggregation = catalogue::FindAggregation(crossing.aggregation());
    if (!aggregation || !std::isfinite(crossing.threshold())) continue;
    for (const catalogue::Metric& metric : catalogue::Metrics()) {
      if (metric.name == crossing.metric()) {
        interest.gpus.push_back({metric.id, *aggregation, crossing.threshold()});
      }
    }
  }
  return Union({interest});
}

}  // namespace kgs::fleet
