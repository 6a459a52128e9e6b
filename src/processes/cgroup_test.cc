// SPDX-License-Identifier: Apache-2.0
#include "processes/cgroup.h"

#include <gtest/gtest.h>

namespace kgs::processes {
namespace {

constexpr char kUid[] = "0d3a4c52-7d3b-4f0e-9f0c-2f6f0c8f6a11";
#define UID_DASHES "0d3a4c52-7d3b-4f0e-9f0c-2f6f0c8f6a11"
#define UID_SCORES "0d3a4c52_7d3b_4f0e_9f0c_2f6f0c8f6a11"
#define OTHER_UID "ffffffff-7d3b-4f0e-9f0c-2f6f0c8f6a11"
#define CONTAINER "4a5e8c2b9d1f4a5e8c2b9d1f4a5e8c2b9d1f4a5e8c2b9d1f4a5e8c2b9d1f4a5e"

TEST(Cgroup, OfEveryDriverAndRuntime) {
  for (const char* cgroup : {
           // v2, driver systemd: containerd, CRI-O, docker; each QoS class.
           "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_SCORES
           ".slice/cri-containerd-" CONTAINER ".scope\n",
           "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_SCORES
           ".slice/crio-" CONTAINER ".scope/container\n",
           "0::/kubepods.slice/kubepods-pod" UID_SCORES ".slice/docker-" CONTAINER ".scope\n",
           // v2, driver cgroupfs.
           "0::/kubepods/burstable/pod" UID_DASHES "/" CONTAINER "\n",
           "0::/kubepods/pod" UID_DASHES "/" CONTAINER "\n",
           // Seen from the cgroup namespace of another pod, as of an agent's.
           "0::/../../../kubepods-burstable.slice/kubepods-burstable-pod" UID_SCORES
           ".slice/cri-containerd-" CONTAINER ".scope\n",
           "0::/../../pod" UID_DASHES "/" CONTAINER "\n",
           // v1: a line a hierarchy, and not all of them by pod.
           "12:pids:/kubepods/besteffort/pod" UID_DASHES "/" CONTAINER
           "\n11:devices:/kubepods/besteffort/pod" UID_DASHES "/" CONTAINER "\n0::/\n",
           "13:misc:/\n1:name=systemd:/kubepods.slice/kubepods-pod" UID_SCORES
           ".slice/cri-containerd-" CONTAINER ".scope\n",
           // v1, containerd told the wrong driver.
           "5:cpu:/system.slice/containerd.service/kubepods-burstable-pod" UID_SCORES
           ".slice:cri-containerd:" CONTAINER "\n",
           // kind: a node within a container.
           "0::/docker/" CONTAINER "/kubelet/kubepods/burstable/pod" UID_DASHES "/" CONTAINER "\n",
           "0::/system.slice/docker-" CONTAINER
           ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
           "kubelet-kubepods-besteffort-pod" UID_SCORES ".slice/cri-containerd-" CONTAINER
           ".scope\n",
           // The container is being removed.
           "0::/kubepods/pod" UID_DASHES " (deleted)/x\n0::/kubepods/pod" UID_DASHES "/x\n",
           "0::/kubepods.slice/kubepods-pod" UID_SCORES ".slice",
       }) {
    EXPECT_EQ(PodUidOf(cgroup), kUid) << cgroup;
  }
}

TEST(Cgroup, OfAStaticPod) {
  EXPECT_EQ(
      PodUidOf("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-"
               "pod8d3f5c1e9b7a4d2f8e6c0b1a3d5f7e9c.slice/cri-containerd-" CONTAINER ".scope\n"),
      "8d3f5c1e9b7a4d2f8e6c0b1a3d5f7e9c");
  EXPECT_EQ(PodUidOf("0::/kubepods/pod8d3f5c1e9b7a4d2f8e6c0b1a3d5f7e9c/" CONTAINER "\n"),
            "8d3f5c1e9b7a4d2f8e6c0b1a3d5f7e9c");
}

TEST(Cgroup, OfAPodWithinAPodTheOuter) {
  EXPECT_EQ(PodUidOf("0::/kubepods/pod" UID_DASHES "/" CONTAINER "/kubelet/kubepods/pod" OTHER_UID
                     "/" CONTAINER "\n"),
            kUid);
}

TEST(Cgroup, OfNoPod) {
  for (const char* cgroup : {
           "",
           "\n",
           "0::/\n",
           "0::/system.slice/nvidia-mps.service\n",
           "0::/user.slice/user-1000.slice/session-3.scope\n",
           "0::/machine.slice/libpod-" CONTAINER ".scope\n",
           "0::/docker/" CONTAINER "\n",
           "0::/../cri-containerd-" CONTAINER ".scope\n",
           "0::/kubepods.slice/kubepods-burstable.slice\n",
           "0::/kubepods/podcast-0d3a4c52-7d3b-4f0e-9f0c-2f6f0c8f6a1\n",
           "0::/kubepods/pod0d3a4c52-7d3b-4f0e-9f0c-2f6f0c8f6a1g/x\n",
           "0::/kubepods/pod0d3a4c52.7d3b.4f0e.9f0c.2f6f0c8f6a11/x\n",
           "0::/kubepods/tripod" UID_DASHES "/x\n",
           "0::/" UID_DASHES "/x\n",
       }) {
    EXPECT_EQ(PodUidOf(cgroup), "") << cgroup;
  }
}

}  // namespace
}  // namespace kgs::processes
