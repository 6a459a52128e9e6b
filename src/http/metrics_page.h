// SPDX-License-Identifier: Apache-2.0
//
// The Prometheus page. Pure: built from snapshots and counters at each scrape, so that a failed or
// stale reading's series disappears instead of freezing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/page.h"
#include "kube/client/reflector.h"
#include "kube/pod_resources/pod_resources.h"
#include "kube/store.h"
#include "model/node_snapshot.h"
#include "model/workload_view.h"
#include "telemetry/counters.h"

namespace kgs::http {

/// Which pods hold this node's GPUs.
struct PodMetrics {
  /// Never null.
  std::shared_ptr<const kube::PodResourcesState> state;
  const telemetry::PodResourcesCounters* counters = nullptr;
};

/// What is asked of the engines of this node's pods.
struct ScrapeMetrics {
  /// Pages that are asked.
  size_t targets = 0;
  const telemetry::ScrapeCounters* counters = nullptr;
};

/// What is asked of endpoints that triggers name.
struct EndpointMetrics {
  /// Endpoints that are asked, however many addresses are behind each.
  size_t targets = 0;
  const telemetry::EndpointCounters* counters = nullptr;
};

/// What the calls of one of a driver's functions have taken since the process started.
struct DriverCallMetrics {
  /// "nvml".
  std::string backend;
  /// "nvmlDeviceGetPowerUsage".
  std::string call;
  uint64_t calls = 0;
  double seconds = 0;
  double longest_seconds = 0;
};

/// Of a process that reads GPUs.
struct NodeMetrics {
  /// Null before the first sample.
  std::shared_ptr<const model::NodeSnapshot> snapshot;
  /// Readings older than this have no series.
  base::Duration max_reading_age{};
  /// Empty, or why no reading can be served.
  std::string why_blind;
  const telemetry::SamplingCounters* sampling = nullptr;
  /// Nothing where the kubelet is not asked.
  std::optional<PodMetrics> pods;
  /// Nothing where no engine is asked.
  std::optional<ScrapeMetrics> scrapes = std::nullopt;
  std::vector<DriverCallMetrics> driver_calls = {};
};

/// What a trigger of a workload is answered at the moment; one of its numbers, of which most have
/// but one.
struct TriggerMetrics {
  std::string kind;
  std::string object_namespace;
  std::string object;
  int trigger = 0;
  /// As metricType; empty where it is not known.
  std::string metric;
  /// Nothing where it is not known, or not to be shown.
  std::optional<double> target;
  std::optional<double> replicas;
  /// Nothing in an error.
  std::optional<double> value;
  std::optional<bool> active;
  /// Nothing where what the trigger asks for is not known.
  std::optional<double> coverage;
  /// By reason.
  std::vector<std::pair<std::string, uint64_t>> errors;
};

/// Of a process that watches Kubernetes.
struct KubernetesMetrics {
  /// Why Kubernetes cannot be relied on; else empty.
  std::string problem;
  kube::StoreCounts counts;
  std::vector<kube::ReflectorState> watches;
  /// Pods of tracked workloads that have not ended, by what is known of their devices.
  std::array<size_t, model::kUnattributedCount> pods_by_reason{};
  std::vector<TriggerMetrics> triggers;
};

/// Of an agent: its hubs.
struct PublisherMetrics {
  size_t hubs = 0;
  size_t hubs_connected = 0;
  const telemetry::PublisherCounters* counters = nullptr;
};

/// Of a hub: its agents.
struct ReceiverMetrics {
  size_t agents_connected = 0;
  /// Of the nodes with an open stream: seconds since each was last heard of.
  std::vector<double> report_ages;
  const telemetry::ReceiverCounters* counters = nullptr;
  /// Null where agents need no proof.
  const telemetry::TokenReviewCounters* reviews = nullptr;
};

/// Of certificates that are renewed while the process runs.
struct TlsMetrics {
  /// "keda" or "agents": of that port; "hubs": what an agent trusts.
  std::string of;
  /// Seconds since 1970; nothing where there is no certificate of our own.
  std::optional<int64_t> expires;
  const telemetry::Counter* reload_failures = nullptr;
};

/// A part is there where the role has it.
struct MetricsInput {
  base::SteadyTime now;
  std::optional<NodeMetrics> node = std::nullopt;
  std::optional<PublisherMetrics> publisher = std::nullopt;
  std::optional<ReceiverMetrics> receiver = std::nullopt;
  std::optional<KubernetesMetrics> kubernetes = std::nullopt;
  std::optional<EndpointMetrics> endpoints = std::nullopt;
  const telemetry::ScalerCounters* scaler = nullptr;
  std::vector<TlsMetrics> tls = {};
};

/// Text format 0.0.4. Names, labels and meanings: docs/metrics.md.
Page MetricsPage(const MetricsInput& input);

}  // namespace kgs::http
