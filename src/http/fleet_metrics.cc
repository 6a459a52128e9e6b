// SPDX-License-Identifier: Apache-2.0
#include "http/fleet_metrics.h"

#include <algorithm>
#include <string>

namespace kgs::http {
namespace {

using Type = PageBuilder::Type;

double Count(size_t number) { return static_cast<double>(number); }

/// Of what has not come to pass no age is known.
void AgeGauge(PageBuilder::Labels labels, std::optional<base::SteadyTime> then,
              base::SteadyTime now, PageBuilder& page) {
  if (then) page.Gauge(std::move(labels), std::max(base::Seconds(now - *then), 0.0));
}

}  // namespace

void AddPods(const PodMetrics& pods, base::SteadyTime now, PageBuilder& page) {
  const model::PodListing* listing = pods.state->listing.get();
  page.Family("kubelet_up", Type::Gauge, "1 while the kubelet answers which pod holds what.");
  page.Gauge({}, pods.state->problem.empty() && listing != nullptr ? 1 : 0);
  page.Family("pod_listing_age_seconds", Type::Gauge,
              "Time since the kubelet was last asked which pod holds what and answered.");
  if (listing != nullptr) AgeGauge({}, listing->listed.steady, now, page);
  page.Family("pods_with_devices", Type::Gauge, "Pods of this node that hold any device.");
  if (listing != nullptr) page.Gauge({}, Count(listing->pods.size()));
  page.Family("pod_listings_total", Type::Counter, "Questions to the kubelet.");
  page.Counter({}, pods.counters->listings);
  page.Family("pod_listing_failures_total", Type::Counter,
              "Questions to the kubelet that got no answer.");
  page.Counter({}, pods.counters->failures);
}

void AddScrapes(const ScrapeMetrics& scrapes, PageBuilder& page) {
  page.Family("engine_targets", Type::Gauge, "Pages of engines that are asked on this node.");
  page.Gauge({}, Count(scrapes.targets));
  page.Family("engine_scrapes_total", Type::Counter, "Pages asked for of engines.");
  page.Counter({}, scrapes.counters->scrapes);
  page.Family("engine_scrape_failures_total", Type::Counter,
              "Pages of engines that could not be had or read.");
  page.Counter({}, scrapes.counters->failures);
  page.Family("engine_scrape_duration_seconds", Type::Histogram,
              "From asking an engine for its page to having read it, or giving up.");
  page.Histogram(scrapes.counters->duration);
}

void AddPublisher(const PublisherMetrics& publisher, PageBuilder& page) {
  page.Family("hubs", Type::Gauge, "Addresses behind the name of the hubs.");
  page.Gauge({}, Count(publisher.hubs));
  page.Family("hubs_connected", Type::Gauge, "Hubs that take this agent's reports.");
  page.Gauge({}, Count(publisher.hubs_connected));
  page.Family("reports_sent_total", Type::Counter, "Reports handed to a stream to a hub.");
  page.Counter({}, publisher.counters->reports);
  page.Family("reports_sent_early_total", Type::Counter,
              "Rounds of reports sent before their time, since a value of GPUs or of an engine "
              "crossed what a hub waits for.");
  page.Counter({}, publisher.counters->crossings);
  page.Family("hub_stream_failures_total", Type::Counter,
              "Streams to a hub that ended without being asked to.");
  page.Counter({}, publisher.counters->stream_failures);
}

void AddReceiver(const ReceiverMetrics& receiver, PageBuilder& page) {
  page.Family("agents_connected", Type::Gauge, "Nodes whose agent has a stream open.");
  page.Gauge({}, Count(receiver.agents_connected));
  page.Family("oldest_report_age_seconds", Type::Gauge,
              "Time since the last report of that node with an open stream which has been silent "
              "for longest.");
  if (!receiver.report_ages.empty()) {
    page.Gauge({}, *std::max_element(receiver.report_ages.begin(), receiver.report_ages.end()));
  }
  page.Family("reports_received_total", Type::Counter, "Reports that agents have sent.");
  page.Counter({}, receiver.counters->reports);
  page.Family("report_bytes_received_total", Type::Counter, "Bytes of these reports.");
  page.Counter({}, receiver.counters->report_bytes);
  page.Family("reports_refused_total", Type::Counter,
              "Reports that contradicted themselves; each ended its stream.");
  page.Counter({}, receiver.counters->refused_reports);
  page.Family("pod_list_requests_total", Type::Counter,
              "Agents asked to list their pods again, since a pod was not known.");
  page.Counter({}, receiver.counters->list_requests);
  page.Family("agent_refusals_total", Type::Counter,
              "Streams of agents that were not let in, by what their token is worth.");
  for (size_t i = 0; i < telemetry::kRefusalReasonNames.size(); ++i) {
    page.Counter({{"reason", std::string(telemetry::kRefusalReasonNames[i])}},
                 receiver.counters->refusals[i]);
  }
  if (receiver.reviews == nullptr) return;
  page.Family("token_reviews_total", Type::Counter,
              "Tokens of agents that the API server was asked about.");
  page.Counter({}, receiver.reviews->reviews);
  page.Family("token_review_failures_total", Type::Counter,
              "Tokens of agents about which nobody could say anything.");
  page.Counter({}, receiver.reviews->failures);
}

void AddKubernetes(const KubernetesMetrics& kubernetes, base::SteadyTime now, PageBuilder& page) {
  page.Family("kubernetes_up", Type::Gauge,
              "1 while what is known of Kubernetes can be relied on.");
  page.Gauge({}, kubernetes.problem.empty() ? 1 : 0);
  page.Family("tracked_objects", Type::Gauge, "Objects with a trigger that names this scaler.");
  page.Gauge({{"kind", "ScaledObject"}}, Count(kubernetes.counts.scaled_objects));
  page.Gauge({{"kind", "ScaledJob"}}, Count(kubernetes.counts.scaled_jobs));
  page.Family("tracked_triggers", Type::Gauge, "Triggers that name this scaler.");
  page.Gauge({}, Count(kubernetes.counts.triggers));
  page.Family("watched_pods", Type::Gauge, "Pods of the namespaces that have such an object.");
  page.Gauge({}, Count(kubernetes.counts.pods));
  page.Family("workload_pods", Type::Gauge,
              "Pods of tracked workloads that have not ended, by what is known of their devices.");
  for (size_t i = 0; i < kubernetes.pods_by_reason.size(); ++i) {
    const auto reason = static_cast<model::Unattributed>(i);
    page.Gauge({{"devices", std::string(model::UnattributedName(reason))}},
               Count(kubernetes.pods_by_reason[i]));
  }
  const auto by_watch = [&](const auto& add) {
    for (const kube::ReflectorState& watch : kubernetes.watches) {
      add(PageBuilder::Labels{{"watch", watch.name}}, watch);
    }
  };
  page.Family("watch_up", Type::Gauge, "1 while the watch is open.");
  by_watch(
      [&](auto labels, const auto& watch) { page.Gauge(std::move(labels), watch.live ? 1 : 0); });
  page.Family("watch_age_seconds", Type::Gauge,
              "Time since the API server last said something over the watch.");
  by_watch([&](auto labels, const auto& watch) {
    AgeGauge(std::move(labels), watch.last_contact, now, page);
  });
  page.Family("watch_lists_total", Type::Counter, "Lists made to begin a watch.");
  by_watch([&](auto labels, const auto& watch) {
    page.Counter(std::move(labels), static_cast<double>(watch.lists));
  });
  page.Family("watch_events_total", Type::Counter, "Changes heard of over the watch.");
  by_watch([&](auto labels, const auto& watch) {
    page.Counter(std::move(labels), static_cast<double>(watch.events));
  });
}

void AddEndpoints(const EndpointMetrics& endpoints, PageBuilder& page) {
  const telemetry::EndpointCounters& counters = *endpoints.counters;
  page.Family("endpoint_targets", Type::Gauge,
              "Endpoints that are asked since triggers name them.");
  page.Gauge({}, Count(endpoints.targets));
  page.Family("endpoint_scrapes_total", Type::Counter,
              "Pages asked for of endpoints, one for each address behind one.");
  page.Counter({}, counters.pages.scrapes);
  page.Family("endpoint_scrape_failures_total", Type::Counter,
              "Pages of endpoints that could not be had or read.");
  page.Counter({}, counters.pages.failures);
  page.Family(
      "endpoint_scrape_duration_seconds", Type::Histogram,
      "From asking an address of an endpoint for its page to having read it, or giving up.");
  page.Histogram(counters.pages.duration);
  page.Family("endpoint_lookups_total", Type::Counter,
              "Questions for the addresses of an endpoint.");
  page.Counter({}, counters.lookups);
  page.Family("endpoint_lookup_failures_total", Type::Counter,
              "Questions for the addresses of an endpoint without an answer, or with an address "
              "that may not be asked.");
  page.Counter({}, counters.lookup_failures);
}

void AddTriggers(const std::vector<TriggerMetrics>& triggers, PageBuilder& page) {
  const auto labels = [](const TriggerMetrics& trigger) {
    return PageBuilder::Labels{{"kind", trigger.kind},
                               {"namespace", trigger.object_namespace},
                               {"object", trigger.object},
                               {"trigger", std::to_string(trigger.trigger)},
                               {"metric", trigger.metric}};
  };
  const auto gauges = [&](const char* name, const char* help, const auto& number) {
    page.Family(name, Type::Gauge, help);
    for (const TriggerMetrics& trigger : triggers) {
      const auto value = number(trigger);
      if (value) page.Gauge(labels(trigger), static_cast<double>(*value));
    }
  };
  gauges("workload_value", "What KEDA is answered for the trigger; no series while it is an error.",
         [](const TriggerMetrics& trigger) { return trigger.value; });
  gauges("workload_target", "The trigger's target, in the unit of its value.",
         [](const TriggerMetrics& trigger) { return trigger.target; });
  gauges("workload_replicas", "spec.replicas of what the trigger scales.",
         [](const TriggerMetrics& trigger) { return trigger.replicas; });
  gauges("workload_coverage_ratio",
         "The share of the replicas that should have a fresh reading which have one.",
         [](const TriggerMetrics& trigger) { return trigger.coverage; });
  gauges("workload_active", "1 while the trigger is active; no series while that is an error.",
         [](const TriggerMetrics& trigger) { return trigger.active; });
  page.Family("decision_errors_total", Type::Counter,
              "Of the decisions that are made once a second for each trigger, those that were an "
              "error, by reason (docs/decisions.md).");
  for (const TriggerMetrics& trigger : triggers) {
    for (const auto& [reason, count] : trigger.errors) {
      PageBuilder::Labels with_reason = labels(trigger);
      with_reason.push_back({"reason", reason});
      page.Counter(std::move(with_reason), static_cast<double>(count));
    }
  }
}

}  // namespace kgs::http
