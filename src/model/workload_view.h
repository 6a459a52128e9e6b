// SPDX-License-Identifier: Apache-2.0
//
// All that is known of one workload at one moment, over all its pods and nodes: what an answer is
// computed from.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/engine_scrape.h"
#include "model/node_snapshot.h"
#include "model/pod.h"
#include "model/scale_target.h"
#include "model/scaled_object.h"

namespace kgs::model {

/// What a pod's own processes use of a GPU; absent where that cannot be told.
struct OwnUse {
  /// Percent of the GPU's time.
  Reading utilization;
  Reading memory_mib;
};

/// One GPU of one pod.
struct PodGpu {
  /// Keeps the readings alive.
  std::shared_ptr<const NodeSnapshot> node;
  /// Index into node->gpus.
  size_t gpu = 0;
  /// As HeldDevice has them.
  int shares = 1;
  int all_shares = 1;
  base::Duration max_reading_age{};
  /// Only where the node reads the GPU by process.
  std::optional<OwnUse> own;

  const GpuSnapshot& snapshot() const { return node->gpus[gpu]; }
  bool shared() const { return all_shares > shares; }
};

/// Why a pod's devices are not known. Names: docs/metrics.md.
enum class Unattributed {
  /// They are known.
  kNone,
  /// spec.nodeName is empty.
  kNotScheduled,
  /// No agent has reported from the pod's node.
  kNoAgent,
  /// The agent of the pod's node has been silent for too long.
  kAgentSilent,
  /// The kubelet of that node has not answered yet.
  kNoListing,
  /// The last listing is from before the pod started: it may describe an earlier pod of that name.
  kListedBeforeStart,
  /// The kubelet lists no device for the pod.
  kNoDevice,
  /// A device id of the pod means no GPU that its node reports.
  kUnknownDevice,
};
inline constexpr size_t kUnattributedCount = 8;
/// "no_agent", as the metric's label.
std::string_view UnattributedName(Unattributed reason);

struct PodView {
  std::shared_ptr<const Pod> pod;
  /// By PCI address; empty unless unattributed is kNone, and then every device of the pod.
  std::vector<PodGpu> gpus;
  Unattributed unattributed = Unattributed::kNone;
  /// In words that name the node or the id and do not change from poll to poll; empty for kNone.
  std::string why;
  /// By key: what the agent of the pod's node has read from its engine, whether or not its devices
  /// are known. Empty where that agent is silent, or reads nothing of this pod.
  std::vector<PodEngineReading> engines;
};

struct WorkloadView {
  /// Never null.
  std::shared_ptr<const ScaledObject> object;
  /// Null for a ScaledJob, and where problem says why.
  std::shared_ptr<const ScaleTarget> target;
  /// Why nothing can be said of the workload (its target is not found, the API server is out of
  /// reach); else empty.
  std::string problem;
  /// By name. All that the selector selects, terminating and ended ones included.
  std::vector<PodView> pods;
};

}  // namespace kgs::model
