// SPDX-License-Identifier: Apache-2.0
#include "fleet/view.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace kgs::fleet {
namespace {

using base::SteadyTime;
using model::HeldDevice;
using model::ListingTime;
using model::NodeReport;
using model::Pod;
using model::PodDevices;
using model::PodGpu;
using model::PodView;
using model::Unattributed;

/// startTime is cut to whole seconds.
constexpr int64_t kStartTimeCutMs = 1000;
/// From a pod's start to what its kubelet lists, with what a clock may be off over so short a time.
constexpr base::Duration kSurelyLater = std::chrono::seconds(2);

bool SurelyOfThisPod(const ListingTime& listed, const Pod& pod) {
  if (pod.seen_replacing && listed.steady <= *pod.seen_replacing) return false;
  if (!pod.started_unix_seconds) return false;
  if (listed.unix_ms - *pod.started_unix_seconds * 1000 > kStartTimeCutMs) return true;
  return pod.seen_started && listed.steady - *pod.seen_started > kSurelyLater;
}

const PodDevices* FindPod(const NodeReport& report, const model::PodName& name) {
  const auto found = std::lower_bound(
      report.pods.begin(), report.pods.end(), name,
      [](const PodDevices& pod, const model::PodName& sought) { return pod.pod < sought; });
  return found != report.pods.end() && found->pod == name ? &*found : nullptr;
}

std::optional<size_t> FindUuid(const NodeReport& report, const std::string& uuid) {
  const std::vector<model::GpuSnapshot>& gpus = report.snapshot->gpus;
  for (size_t gpu = 0; gpu < gpus.size(); ++gpu) {
    if (gpus[gpu].identity.uuid == uuid) return gpu;
  }
  return std::nullopt;
}

struct Resolved {
  std::optional<size_t> gpu;
  /// Where there is none.
  std::string problem;
};

Resolved Resolve(const HeldDevice& device, const NodeReport& report, const kube::Store& slices) {
  if (device.dra) {
    const auto uuid = slices.UuidOf(*device.dra);
    if (!uuid.ok()) {
      return {std::nullopt,
              "device " + device.dra->Text() + ": " + std::string(uuid.status().message())};
    }
    if (*uuid) {
      const auto gpu = FindUuid(report, **uuid);
      if (gpu) return {gpu, ""};
      return {std::nullopt, "device " + device.dra->Text() + " is " + **uuid +
                                " by its ResourceSlice, which the node does not report"};
    }
  }
  if (device.gpu && *device.gpu < report.snapshot->gpus.size()) return {device.gpu, ""};
  if (!device.problem.empty()) return {std::nullopt, device.problem};
  return {std::nullopt, device.dra ? "device " + device.dra->Text() + " means no GPU that is known"
                                   : "a device means no GPU that is known"};
}

/// Each GPU once: of one that the pod holds by two names, all its shares.
void Add(const PodGpu& gpu, std::vector<PodGpu>* gpus) {
  for (PodGpu& known : *gpus) {
    if (known.gpu != gpu.gpu) continue;
    known.shares += gpu.shares;
    known.all_shares = std::max({known.all_shares, gpu.all_shares, known.shares});
    return;
  }
  gpus->push_back(gpu);
}

void SortByAddress(std::vector<PodGpu>* gpus) {
  std::sort(gpus->begin(), gpus->end(), [](const PodGpu& a, const PodGpu& b) {
    const std::string& address_a = a.snapshot().identity.pci_bus_id;
    const std::string& address_b = b.snapshot().identity.pci_bus_id;
    return address_a != address_b ? address_a < address_b : a.gpu < b.gpu;
  });
}

PodView Unknown(const kube::PodPtr& pod, Unattributed reason, std::string why) {
  return {.pod = pod, .unattributed = reason, .why = std::move(why)};
}

/// Of the shares of \p device in use, those whose pods Kubernetes knows to have ended are not: a
/// kubelet before 1.34 goes on listing them, and a demand would be divided by them too.
int SharesInUse(const HeldDevice& device, const model::PodName& holder, const NodeReport& report,
                const kube::Store& kubernetes) {
  if (!device.gpu || !device.shared()) return device.all_shares;
  int ended = 0;
  for (const PodDevices& other : report.pods) {
    const auto held = std::find_if(other.devices.begin(), other.devices.end(),
                                   [&](const auto& one) { return one.gpu == device.gpu; });
    if (held == other.devices.end() || other.pod == holder) continue;
    if (kubernetes.HasEnded(other.pod)) ended += held->shares;
  }
  return std::max(device.shares, device.all_shares - ended);
}

model::OwnUse OwnUseOf(const model::PodUses& uses, const std::string& pod_uid) {
  const auto unknown = [](const std::string& why) {
    return model::Reading::Absent(model::Missing::kDriverError,
                                  "not known by process (--per-process): " + why);
  };
  const auto use = std::lower_bound(
      uses.pods.begin(), uses.pods.end(), pod_uid,
      [](const model::PodUse& one, const std::string& sought) { return one.pod_uid < sought; });
  // Where all processes are known and none is of the pod, the pod is idle.
  const bool idle = use == uses.pods.end() || use->pod_uid != pod_uid;
  model::OwnUse own;
  own.utilization =
      uses.utilization_problem.empty()
          ? model::Reading::Value(idle ? 0 : use->utilization, uses.UtilizationTaken())
          : unknown(uses.utilization_problem);
  if (!uses.memory_problem.empty()) {
    own.memory_mib = unknown(uses.memory_problem);
  } else if (idle || use->memory_mib) {
    own.memory_mib = model::Reading::Value(idle ? 0 : *use->memory_mib, uses.taken);
  } else {
    own.memory_mib = unknown("the driver does not tell the memory of one of the pod's processes");
  }
  return own;
}

/// \p held is from a listing that is surely of this pod.
PodView ViewDevices(const kube::PodPtr& pod, const PodDevices& held, const NodeReport& report,
                    const kube::Store& slices) {
  PodView view = {.pod = pod};
  for (const HeldDevice& device : held.devices) {
    const Resolved resolved = Resolve(device, report, slices);
    if (!resolved.gpu) {
      return Unknown(pod, Unattributed::kUnknownDevice,
                     "pod " + pod->name.Text() + " on node " + pod->node + ": " + resolved.problem);
    }
    const int in_use = SharesInUse(device, pod->name, report, slices);
    PodGpu gpu = {report.snapshot, *resolved.gpu, device.shares, in_use, report.max_reading_age};
    if (const auto& uses = gpu.snapshot().pod_uses) gpu.own = OwnUseOf(*uses, pod->uid);
    Add(gpu, &view.gpus);
  }
  SortByAddress(&view.gpus);
  return view;
}

std::string WithProblem(std::string why, const std::string& problem) {
  return problem.empty() ? why : why + ": " + problem;
}

/// Whether what \p node says of its pods counts, and can be said of this one.
bool HasSay(const NodeState& node, const Pod& pod, SteadyTime now) {
  return !pod.node.empty() && node.report != nullptr && node.report->node == pod.node &&
         now - node.received <= kLongestSilence;
}

/// Those of the pod; uids do not return.
std::vector<model::PodEngineReading> EnginesOf(const NodeReport& report, const std::string& uid) {
  const auto first = std::lower_bound(
      report.engines.begin(), report.engines.end(), uid,
      [](const auto& engine, const std::string& sought) { return engine.pod_uid < sought; });
  const auto last = std::find_if(first, report.engines.end(),
                                 [&](const auto& engine) { return engine.pod_uid != uid; });
  return {first, last};
}

PodView ViewDevicesOf(const kube::PodPtr& pod, const NodeState& node, const kube::Store& slices,
                      SteadyTime now) {
  const std::string name = pod->name.Text();
  if (pod->node.empty()) {
    return Unknown(pod, Unattributed::kNotScheduled, "pod " + name + " is not on a node yet");
  }
  if (node.report == nullptr || node.report->node != pod->node) {
    return Unknown(pod, Unattributed::kNoAgent, "no agent has reported from node " + pod->node);
  }
  if (now - node.received > kLongestSilence) {
    return Unknown(pod, Unattributed::kAgentSilent,
                   "the agent of node " + pod->node + " is silent");
  }
  const NodeReport& report = *node.report;
  const std::string kubelet = "the kubelet of node " + pod->node;
  if (!report.pods_listed) {
    return Unknown(pod, Unattributed::kNoListing,
                   WithProblem(kubelet + " has not listed any pods yet", report.listing_problem));
  }
  const PodDevices* held = FindPod(report, pod->name);
  if (!SurelyOfThisPod(held != nullptr ? held->listed : report.listed, *pod)) {
    return Unknown(pod, Unattributed::kListedBeforeStart,
                   WithProblem(kubelet + " has not listed pod " + name + " since it started",
                               report.listing_problem));
  }
  if (held == nullptr || held->devices.empty()) {
    return Unknown(pod, Unattributed::kNoDevice, kubelet + " lists no GPU for pod " + name);
  }
  return ViewDevices(pod, *held, report, slices);
}

}  // namespace

PodView ViewPod(const kube::PodPtr& pod, const NodeState& node, const kube::Store& slices,
                SteadyTime now) {
  PodView view = ViewDevicesOf(pod, node, slices, now);
  if (HasSay(node, *pod, now)) view.engines = EnginesOf(*node.report, pod->uid);
  return view;
}

model::WorkloadView ViewWorkload(const kube::Workload& workload, const Store& fleet,
                                 const kube::Store& slices, SteadyTime now) {
  model::WorkloadView view = {
      .object = workload.object, .target = workload.target, .problem = workload.problem};
  view.pods.reserve(workload.pods.size());
  // Each node once, so that all pods of a node are seen in the same report.
  absl::flat_hash_map<std::string, NodeState> nodes;
  for (const kube::PodPtr& pod : workload.pods) {
    const auto [node, is_new] = nodes.try_emplace(pod->node);
    if (is_new && !pod->node.empty()) node->second = fleet.Find(pod->node);
    view.pods.push_back(ViewPod(pod, node->second, slices, now));
  }
  return view;
}

}  // namespace kgs::fleet
