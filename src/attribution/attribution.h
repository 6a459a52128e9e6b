// SPDX-License-Identifier: Apache-2.0
//
// Joins what the kubelet lists with the GPUs of the node. Pure. The table of device ids stands in
// device_id.h.
#pragma once

#include <memory>
#include <vector>

#include "model/allocation.h"
#include "model/node_snapshot.h"

namespace kgs::attribution {

/// Every pod that holds a GPU, by name. Devices that are no GPUs (a NIC, huge pages) are left out,
/// and so are pods that hold nothing else. A GPU that is held but not known stays, as a device with
/// a problem: leaving it out would make the rest look like all of the pod.
std::vector<model::PodDevices> Attribute(const model::PodListing& listing,
                                         const model::NodeSnapshot& snapshot);

}  // namespace kgs::attribution
