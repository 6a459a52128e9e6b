// SPDX-License-Identifier: Apache-2.0
#include "kube/pod_resources/merge.h"

#include <algorithm>
#include <utility>

namespace kgs::kube {
namespace {

using model::PodAllocation;
using PodMap = std::map<model::PodName, PodAllocation>;

template <typename Device>
void Append(std::vector<Device>& to, std::vector<Device>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

template <typename Device>
void KeepEachOnce(std::vector<Device>& devices) {
  std::sort(devices.begin(), devices.end());
  devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
}

/// The pods of \p answer that hold a device, each once. Of a name that stands in it twice with
/// different devices (an earlier pod of that name which the kubelet still keeps) it cannot be told
/// which is which.
PodMap PodsWithDevices(std::vector<PodAllocation>& answer, const model::ListingTime& asked) {
  PodMap pods;
  for (PodAllocation& allocation : answer) {
    if (allocation.plugin_devices.empty() && allocation.dra_devices.empty()) continue;
    KeepEachOnce(allocation.plugin_devices);
    KeepEachOnce(allocation.dra_devices);
    allocation.listed = asked;
    const auto [found, added] = pods.try_emplace(allocation.pod, allocation);
    PodAllocation& pod = found->second;
    if (added || (pod.plugin_devices == allocation.plugin_devices &&
                  pod.dra_devices == allocation.dra_devices)) {
      continue;
    }
    pod.ambiguous = true;
    Append(pod.plugin_devices, allocation.plugin_devices);
    Append(pod.dra_devices, allocation.dra_devices);
    KeepEachOnce(pod.plugin_devices);
    KeepEachOnce(pod.dra_devices);
  }
  return pods;
}

}  // namespace

MergedListing Merge(const MergedListing& before, std::vector<PodAllocation> answer,
                    const model::ListingTime& asked) {
  MergedListing after;
  after.listing.listed = asked;
  PodMap pods = PodsWithDevices(answer, asked);
  for (const PodAllocation& known : before.listing.pods) {
    if (pods.count(known.pod) > 0) continue;
    const auto missed = before.missed_since.find(known.pod);
    const base::SteadyTime since =
        missed == before.missed_since.end() ? asked.steady : missed->second;
    if (asked.steady - since >= kLeastBetweenMisses) continue;
    pods.emplace(known.pod, known);
    after.missed_since.emplace(known.pod, since);
  }
  after.listing.pods.reserve(pods.size());
  for (auto& [name, pod] : pods) after.listing.pods.push_back(std::move(pod));
  return after;
}

}  // namespace kgs::kube
