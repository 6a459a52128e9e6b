// SPDX-License-Identifier: Apache-2.0
#include "app/kubernetes_side.h"

#include <cstdlib>
#include <utility>

#include "kube/client/credentials.h"

namespace kgs::app {
namespace {

// Called while the process starts, before other threads. NOLINTNEXTLINE(concurrency-mt-unsafe)
const char* FromEnvironment(const char* name) { return std::getenv(name); }

}  // namespace

bool KubernetesSide::IsConfigured(const Options& options) {
  if (options.kubeconfig == kNoKubernetes) return false;
  return !options.kubeconfig.empty() || kube::InCluster(&FromEnvironment);
}

KubernetesSide::KubernetesSide(const base::Clock& clock, Events events)
    : events_(std::move(events)), store_(clock, events_.on_workload_pod) {}

absl::StatusOr<std::unique_ptr<KubernetesSide>> KubernetesSide::Make(
    const Options& options, const base::Clock& clock, telemetry::LimitCounters& limits,
    Events events) {
  auto credentials = options.kubeconfig.empty() ? kube::InClusterCredentials(&FromEnvironment)
                                                : kube::LoadKubeconfig(options.kubeconfig);
  if (!credentials.ok()) return credentials.status();
  std::unique_ptr<KubernetesSide> side(new KubernetesSide(clock, std::move(events)));
  side->server_ = credentials->server;
  auto transport = kube::CurlTransport::Make(*std::move(credentials), "kubernetes", clock);
  if (!transport.ok()) return transport.status();
  side->transport_ = *std::move(transport);
  kube::ClusterOptions cluster;
  cluster.service_names = options.service_names;
  cluster.namespaces = options.namespaces;
  cluster.most_objects = options.max_objects;
  side->cluster_ = std::make_unique<kube::Cluster>(cluster, *side->transport_, side->store_, limits,
                                                   side->events_.on_objects);
  return side;
}

void KubernetesSide::Start() {
  transport_->Start();
  cluster_->Start();
}

void KubernetesSide::Stop() { transport_->Stop(); }

}  // namespace kgs::app
