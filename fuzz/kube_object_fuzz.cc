// SPDX-License-Identifier: Apache-2.0
//
// What is made of an object of the API server, whatever stands in it. The input is its JSON.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "kube/objects.h"
#include "model/label_selector.h"

namespace {

using namespace kgs;

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// A selector that is read from its own text is the same one.
void CheckSelector(const model::LabelSelector& selector) {
  if (selector.requirements.empty()) return;
  const auto again = model::ParseLabelSelector(selector.Text());
  Check(again.ok() && *again == selector, "a selector is what its text says");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto object = nlohmann::json::parse(data, data + size, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) return 0;
  (void)kube::ReadMeta(object);
  const auto pod = kube::ReadPod(object);
  if (pod.ok()) {
    for (size_t i = 1; i < pod->labels.size(); ++i) {
      Check(pod->labels[i - 1].first < pod->labels[i].first, "labels are sorted, each once");
    }
  }
  const auto ours = [](const std::string&) { return true; };
  for (const auto kind : {model::ObjectKind::kScaledObject, model::ObjectKind::kScaledJob}) {
    const auto scaled = kube::ReadScaledObject(kind, object, ours);
    if (scaled.ok()) Check(scaled->polling_interval.count() >= 0, "no interval is negative");
  }
  const model::TargetRef deployment{"apps", "v1", "Deployment", "deployments", "web"};
  for (const auto& target :
       {kube::ReadAppsTarget(deployment, object), kube::ReadScale(deployment, object)}) {
    if (!target.ok()) continue;
    Check(target->replicas >= 0, "no replicas are negative");
    CheckSelector(target->selector);
  }
  (void)kube::ReadResourceSlice(object);
  return 0;
}
