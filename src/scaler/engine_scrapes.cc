// SPDX-License-Identifier: Apache-2.0
#include "scaler/engine_scrapes.h"

#include <utility>

namespace kgs::scaler {
namespace {

bool CanAnswer(const model::Pod& pod) {
  return pod.phase == model::PodPhase::kRunning && !pod.terminating && !pod.ip.empty() &&
         !pod.node.empty() && !pod.uid.empty();
}

}  // namespace

void ScrapeCollector::Add(const kube::Workload& workload,
                          const std::vector<model::EngineQuery>& queries) {
  if (queries.empty()) return;
  std::map<std::string, fleet::EngineScrapes> nodes;
  for (const kube::PodPtr& pod : workload.pods) {
    if (!CanAnswer(*pod)) continue;
    nodes[pod->node].push_back(
        {pod->uid, pod->name, pod->ip, pod->containers_started_unix_seconds, queries});
  }
  for (auto& [node, scrapes] : nodes) by_node_[node].push_back(std::move(scrapes));
}

ScrapesByNode ScrapeCollector::Take() {
  ScrapesByNode scrapes;
  for (const auto& [node, parts] : by_node_) scrapes.emplace(node, fleet::UnionOf(parts));
  by_node_.clear();
  return scrapes;
}

}  // namespace kgs::scaler
