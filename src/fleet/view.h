// SPDX-License-Identifier: Apache-2.0
//
// Brings together what Kubernetes says of a workload and what its nodes report.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "fleet/store.h"
#include "kube/store.h"
#include "model/workload_view.h"

namespace kgs::fleet {

/// Where a pod stands.
///
/// A node's word on a pod counts only where the API says that the pod is on that node, and only
/// from a listing that is surely later than the start of this pod, since names return. Sure is
/// either of: by the node's own clock, more than a second after status.startTime (which is cut to
/// whole seconds); or by ours, 2 s after this process saw the pod started (the node's clock may
/// have been set back). And never before this process saw the pod take the name over from another.
///
/// A GPU of DRA is the one whose UUID its ResourceSlice gives, else the one its name means.
///
/// What the node's agent has read of the pod's engine counts by the pod's uid, which does not
/// return, whatever is known of its devices.
///
/// So does what the pod's processes use of a GPU, where the node reads it by process: none there
/// means that the pod uses nothing of it.
///
/// A node that is silent for longer than kLongestSilence has no say; whether a single reading is
/// fresh is for the decision.
model::PodView ViewPod(const kube::PodPtr& pod, const NodeState& node, const kube::Store& slices,
                       base::SteadyTime now);

inline constexpr base::Duration kLongestSilence = std::chrono::seconds(10);

model::WorkloadView ViewWorkload(const kube::Workload& workload, const Store& fleet,
                                 const kube::Store& slices, base::SteadyTime now);

}  // namespace kgs::fleet
