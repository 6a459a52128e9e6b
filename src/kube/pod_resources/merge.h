// SPDX-License-Identifier: Apache-2.0
//
// What is known of the node's pods after one more answer of the kubelet. Pure.
#pragma once

#include <map>
#include <vector>

#include "base/clock.h"
#include "model/allocation.h"
#include "model/pod.h"

namespace kgs::kube {

struct MergedListing {
  model::PodListing listing;
  /// Of the pods in it that the last answer did not name: since when answers have not.
  std::map<model::PodName, base::SteadyTime> missed_since;
};

/// A pod without a device in one answer is not given up until another, of at least so much later,
/// has it without a device too.
inline constexpr base::Duration kLeastBetweenMisses = std::chrono::seconds(1);

/// \p answer is the whole of one answer, its pods in any order and more than once perhaps, and each
/// pod's own `listed` not set yet.
///
/// \p asked is when the call was sent. The kubelet looked at some moment between then and the
/// answer; taking the earlier end claims of no device that it was held later than it was, and so a
/// pod that started while the call was under way is not taken to be the one that was listed.
///
/// A pod with devices in the answer is replaced by it whole. One without any, named or not, stays
/// as it was listed before until a second answer agrees: a kubelet that is starting serves answers
/// that are short, empty, or name pods before it has read back which devices they hold. To wait
/// costs little: what a pod has really given up is still guarded by the time of its listing.
MergedListing Merge(const MergedListing& before, std::vector<model::PodAllocation> answer,
                    const model::ListingTime& asked);

}  // namespace kgs::kube
