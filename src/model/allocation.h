// SPDX-License-Identifier: Apache-2.0
//
// Which pod holds which device: as the kubelet lists it, and resolved against the node's GPUs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/pod.h"

namespace kgs::model {

/// A device of Dynamic Resource Allocation: driver "gpu.nvidia.com", pool "node-a", device "gpu-0".
struct DraDevice {
  std::string driver;
  std::string pool;
  std::string device;

  auto operator<=>(const DraDevice&) const = default;
  /// "gpu.nvidia.com/node-a/gpu-0".
  std::string Text() const { return driver + "/" + pool + "/" + device; }
};

/// One device id of a device plugin.
struct PluginDevice {
  /// "nvidia.com/gpu".
  std::string resource;
  /// "GPU-...", "MIG-...", "GPU-...::3", "nvidia0/gi1", "0000:03:00.0", "card0-1".
  std::string id;

  auto operator<=>(const PluginDevice&) const = default;
};

/// When a kubelet was asked, by both of the node's clocks.
struct ListingTime {
  base::SteadyTime steady;
  /// Wall clock, milliseconds since 1970: compared with the startTime that the same node gives its
  /// pods.
  int64_t unix_ms = 0;
};

/// What one pod holds, over all its containers; each device once.
struct PodAllocation {
  PodName pod;
  std::vector<PluginDevice> plugin_devices;
  std::vector<DraDevice> dra_devices;
  /// One answer named two pods of this name (the kubelet still keeps an earlier one) with different
  /// devices; what stands here is what either holds.
  bool ambiguous = false;
  /// The last listing that named it.
  ListingTime listed;
};

/// What is known of the pods of a node.
struct PodListing {
  /// The last answer of the kubelet; the pods in it have this time, others were in an earlier one.
  ListingTime listed;
  /// By name; pods without any device are left out.
  std::vector<PodAllocation> pods;
};

/// One device of one pod, resolved.
struct HeldDevice {
  /// Index into NodeSnapshot::gpus; nothing where no such GPU is known.
  std::optional<size_t> gpu;
  /// Why it is not resolved, naming the id; else empty.
  std::string problem;
  /// Set for a device of DRA, whose ResourceSlice may say better than its name which GPU it is.
  std::optional<DraDevice> dra;
  /// Of the device's shares (time slices, say) in use on the node: this pod's and all.
  int shares = 1;
  int all_shares = 1;

  /// Whether other pods hold the same device.
  bool shared() const { return all_shares > shares; }
};

struct PodDevices {
  PodName pod;
  ListingTime listed;
  /// By PCI address, unresolved ones last; each GPU once.
  std::vector<HeldDevice> devices;
};

}  // namespace kgs::model
