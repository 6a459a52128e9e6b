// SPDX-License-Identifier: Apache-2.0
#include "scaler/endpoint_questions.h"

#include <utility>

namespace kgs::scaler {
namespace {

/// As scraping::KeyOf has it of a target, without what is asked: calls look it up.
scraping::EndpointKey KeyOf(const trigger::EngineEndpoint& endpoint,
                            const std::string& object_namespace, bool wakes) {
  return {endpoint.url.Text(), object_namespace, endpoint.credential, wakes};
}

}  // namespace

scraping::EndpointTarget EndpointTargetOf(const trigger::TriggerSpec& spec,
                                          const std::string& object_namespace) {
  return {spec.endpoint->url, object_namespace, spec.endpoint->credential,
          trigger::EndpointQueriesOf(spec)};
}

SourceReadings ReadEndpoint(const EndpointReader& read, const trigger::TriggerSpec& spec,
                            const std::string& object_namespace) {
  SourceReadings readings;
  if (!read) return readings;
  const scraping::EndpointKey key = KeyOf(*spec.endpoint, object_namespace, false);
  const auto get = [&](const std::optional<trigger::EngineMetric>& metric)
      -> std::optional<decision::SourceReading> {
    if (!metric) return std::nullopt;
    auto latest = read(key, metric->key);
    if (!latest) return std::nullopt;
    return decision::SourceReading{std::move(latest->reading), latest->max_age};
  };
  readings.source = get(spec.engine);
  readings.load = get(spec.engine_load);
  return readings;
}

scraping::EndpointTarget WakeTargetOf(const trigger::TriggerSpec& spec,
                                      const model::WorkloadView& view) {
  model::EngineQuery query = spec.wake->query;
  query.interval = decision::IsAtZero(view) ? kWakeInterval : kIdleWakeInterval;
  return {spec.wake->endpoint.url,
          view.object->key.object_namespace,
          spec.wake->endpoint.credential,
          {std::move(query)},
          /*wakes=*/true};
}

std::optional<decision::WakeSight> ReadWake(const WakeReader& read,
                                            const trigger::TriggerSpec& spec,
                                            const model::WorkloadView& view) {
  if (!read || !spec.wake) return std::nullopt;
  auto latest =
      read(KeyOf(spec.wake->endpoint, view.object->key.object_namespace, true), spec.wake->key);
  if (!latest) return std::nullopt;
  return decision::WakeSight{std::move(latest->reading), latest->taken, latest->last_demand,
                             latest->max_age};
}

}  // namespace kgs::scaler
