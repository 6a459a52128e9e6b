// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kgs::processes {

/// The uid of the pod that \p cgroup (the text of /proc/PID/cgroup, v1 or v2) places a process in;
/// empty where it is in none. Knows the names of the kubelet's drivers systemd
/// (kubepods-burstable-pod1b2c_..._.slice) and cgroupfs (burstable/pod1b2c-...) under any parent;
/// paths are relative to the cgroup namespace of whoever reads, so their beginning may be missing.
/// Where pods are nested it is the outermost, which is the one that this node's kubelet runs.
///
/// Of a static pod it is the 32 digits that the kubelet knows it by, not the uid of its mirror pod.
std::string PodUidOf(std::string_view cgroup);

}  // namespace kgs::processes
