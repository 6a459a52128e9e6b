// SPDX-License-Identifier: Apache-2.0
//
// Between a trigger that has an endpoint and what reads endpoints.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "decision/source_decision.h"
#include "decision/wake.h"
#include "scraping/endpoint_plan.h"
#include "scraping/endpoint_scraper.h"
#include "trigger/trigger.h"

namespace kgs::scaler {

/// What an endpoint said last, by EngineQuery::Key; nothing where it is not asked. As
/// scraping::EndpointScraper::Latest. Any thread.
using EndpointReader = std::function<std::optional<scraping::EndpointReading>(
    const scraping::EndpointKey& endpoint, const std::string& query_key)>;

/// The same of what wakes a workload; as scraping::EndpointScraper::LatestWake.
using WakeReader = std::function<std::optional<scraping::EndpointWake>(
    const scraping::EndpointKey& endpoint, const std::string& query_key)>;

/// How often a source that wakes is asked while there are no replicas, and while there are: then so
/// that it is known what its counters were before.
inline constexpr std::chrono::milliseconds kWakeInterval{200};
inline constexpr std::chrono::milliseconds kIdleWakeInterval{2000};

/// What \p spec, which has an endpoint, asks of it for an object of that namespace.
scraping::EndpointTarget EndpointTargetOf(const trigger::TriggerSpec& spec,
                                          const std::string& object_namespace);

/// What a SourceQuestion is made of. Nothing where it has not been asked yet.
struct SourceReadings {
  std::optional<decision::SourceReading> source;
  std::optional<decision::SourceReading> load;
};
SourceReadings ReadEndpoint(const EndpointReader& read, const trigger::TriggerSpec& spec,
                            const std::string& object_namespace);

/// What \p spec, which has a wake, asks for the workload of \p view.
scraping::EndpointTarget WakeTargetOf(const trigger::TriggerSpec& spec,
                                      const model::WorkloadView& view);
std::optional<decision::WakeSight> ReadWake(const WakeReader& read,
                                            const trigger::TriggerSpec& spec,
                                            const model::WorkloadView& view);

}  // namespace kgs::scaler
