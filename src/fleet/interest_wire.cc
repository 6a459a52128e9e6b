// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "catalogue/metrics.h"
#include "fleet/wire.h"

namespace kgs::fleet {

pb::Interest ToWire(const Interest& interest) {
  pb::Interest message;
  const size_t count = std::min(interest.size(), kMostCrossings);
  for (size_t i = 0; i < count; ++i) {
    pb::Crossing* crossing = message.add_crossings();
    crossing->set_metric(std::string(catalogue::MetricOf(interest[i].metric).name));
    crossing->set_aggregation(std::string(catalogue::AggregationName(interest[i].aggregation)));
    crossing->set_threshold(interest[i].threshold);
  }
  return message;
}

Interest FromWire(const pb::Interest& message) {
  Interest interest;
  for (const pb::Crossing& crossing : message.crossings()) {
    if (interest.size() == kMostCrossings) break;
    const auto aggregation = catalogue::FindAggregation(crossing.aggregation());
    if (!aggregation || !std::isfinite(crossing.threshold())) continue;
    for (const catalogue::Metric& metric : catalogue::Metrics()) {
      if (metric.name == crossing.metric()) {
        interest.push_back({metric.id, *aggregation, crossing.threshold()});
      }
    }
  }
  return Union({interest});
}

}  // namespace kgs::fleet
