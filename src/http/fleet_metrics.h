// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/metrics_page.h"
#include "http/page_builder.h"

namespace kgs::http {

/// The families of each part of the fleet, on the page of the role that has it.
void AddPods(const PodMetrics& pods, base::SteadyTime now, PageBuilder& page);
void AddScrapes(const ScrapeMetrics& scrapes, PageBuilder& page);
void AddPublisher(const PublisherMetrics& publisher, PageBuilder& page);
void AddReceiver(const ReceiverMetrics& receiver, PageBuilder& page);
void AddKubernetes(const KubernetesMetrics& kubernetes, base::SteadyTime now, PageBuilder& page);
void AddEndpoints(const EndpointMetrics& endpoints, PageBuilder& page);
void AddTriggers(const std::vector<TriggerMetrics>& triggers, PageBuilder& page);

}  // namespace kgs::http
