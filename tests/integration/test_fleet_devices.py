# SPDX-License-Identifier: Apache-2.0
"""Which GPU is whose: shared and unknown devices, names that return, nodes that disagree."""

import datetime

import grpc
import pytest
from harness import wait_until

LEVEL = {"metricType": "gpu_utilization", "targetValue": 80}
WATTS = {"metricType": "power_draw", "targetValue": 250, "activationThreshold": 20}


def now():
    return datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_shared_gpu(fleet):
    """Its percentage is everybody's, its watts are divided."""
    shared = fleet.deploy("shared", LEVEL, replicas=2)
    watts = fleet.scale("shared-watts", WATTS, target_name="shared")
    uuid = fleet.nodes["node-b"].uuid(3)
    for number in range(2):
        fleet.place(shared, f"shared-{number}", "node-b", 3,
                    devices={"nvidia.com/gpu.shared": [f"{uuid}::{number}"]})
    fleet.wait_right(shared)
    fleet.wait_values(shared, 2 * 23)
    fleet.wait_values(watts, 100)
    for hub in fleet.hubs:
        for pod in hub.pods(shared).values():
            gpu = pod["gpus"][0]
            assert (gpu["shared"], gpu["shares"], gpu["all_shares"]) == (True, 1, 2)


def test_a_pod_of_several_gpus(fleet):
    """A replica's reading is the aggregate of its GPUs."""
    wide = fleet.deploy("wide", {**LEVEL, "aggregation": "sum"}, replicas=1)
    second = fleet.scale("wide-second", {**LEVEL, "gpuIndex": 1}, target_name="wide")
    fleet.place(wide, "wide-0", "node-c", 1, 2, 3)
    fleet.wait_right(wide)
    fleet.wait_values(wide, 31 + 32 + 33)
    fleet.wait_values(second, 32)


@pytest.mark.parametrize("name, resource, device", [
    ("mig", "nvidia.com/mig-1g.10gb", "MIG-2b7c9a10-3d4e-5f60-8172-93a4b5c6d7e8"),
    ("gke-mig", "nvidia.com/gpu", "nvidia1/gi3"),
    ("elsewhere", "nvidia.com/gpu", "GPU-ffffffff-0000-0000-0000-000000000000"),
])
def test_a_device_that_the_node_does_not_read(fleet, name, resource, device):
    """An error that names it, never another GPU's number."""
    workload = fleet.deploy(name, LEVEL, replicas=1)
    fleet.place(workload, f"{name}-0", "node-a", devices={resource: [device]})
    for hub in fleet.hubs:
        hub.asked_for(workload).wait_unavailable(f"default/{name}-0", device)
        assert hub.devices(workload) == {f"{name}-0": "unknown_device"}
        assert hub.gauge("workload_pods", devices="unknown_device") >= 1


def test_one_known_device_beside_an_unknown_one(fleet):
    mixed = fleet.deploy("mixed", LEVEL, replicas=1)
    devices = [fleet.nodes["node-a"].uuid(1), "GPU-ffffffff-0000-0000-0000-000000000001"]
    fleet.place(mixed, "mixed-0", "node-a", devices={"nvidia.com/gpu": devices})
    for hub in fleet.hubs:
        hub.asked_for(mixed).wait_unavailable("default/mixed-0", devices[1])
        assert hub.devices(mixed) == {"mixed-0": "unknown_device"}


def test_a_pod_without_a_gpu(fleet):
    """Devices that are no GPUs are nobody's reading."""
    bare = fleet.deploy("bare", LEVEL, replicas=1)
    fleet.place(bare, "bare-0", "node-a", devices={"rdma/hca": ["mlx5_0"]})
    for hub in fleet.hubs:
        hub.asked_for(bare).wait_unavailable("default/bare-0", "no GPU")
        assert hub.devices(bare) == {"bare-0": "no_device"}


def test_the_ids_of_another_device_plugin(fleet):
    """GKE's are the minor numbers of the device files."""
    gke = fleet.deploy("gke", LEVEL, replicas=1)
    fleet.place(gke, "gke-0", "node-b", 2, devices={"nvidia.com/gpu": ["nvidia2"]})
    fleet.wait_right(gke)
    fleet.wait_values(gke, 22)


def test_dynamic_resource_allocation(fleet):
    """The slice says which GPU a name is; without one the name does."""
    claimed = fleet.deploy("claimed", LEVEL, replicas=1)
    named = fleet.deploy("named", LEVEL, replicas=1)
    fleet.place(named, "named-0", "node-c", 2, devices={"gpu.nvidia.com": [("node-c", "gpu-2")]})
    fleet.wait_right(named)
    fleet.wait_values(named, 32)
    publish(fleet, "slice-b", "node-b", "gpu-0", fleet.nodes["node-b"].uuid(3))
    fleet.place(claimed, "claimed-0", "node-b", 3,
                devices={"gpu.nvidia.com": [("node-b", "gpu-0")]})
    fleet.wait_right(claimed)
    fleet.wait_values(claimed, 23)
    # A slice that says otherwise is heeded at once.
    publish(fleet, "slice-b", "node-b", "gpu-0", fleet.nodes["node-b"].uuid(1))
    claimed.pods["claimed-0"] = [fleet.nodes["node-b"].uuid(1)]
    fleet.wait_right(claimed)
    fleet.wait_values(claimed, 21)


def publish(fleet, name, node, device, uuid):
    """The ResourceSlice of one GPU, as NVIDIA's driver publishes it."""
    fleet.api.put("ResourceSlice", None, name, spec={
        "driver": "gpu.nvidia.com", "nodeName": node,
        "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
        "devices": [{"name": device, "attributes": {"type": {"string": "gpu"},
                                                    "uuid": {"string": uuid}}}]})


def test_a_name_that_returns_never_has_old_numbers(fleet):
    """As a StatefulSet's pod does: another uid and start, another GPU of the same node."""
    returning = fleet.scale("returning", LEVEL, target=("apps", "v1", "StatefulSet",
                                                        "statefulsets"))
    fleet.api.put("StatefulSet", "default", "returning", spec={"replicas": 1})
    for gpu, old, value in ((1, None, 11), (2, 11, 12), (3, 12, 13)):
        if old is not None:
            fleet.api.delete("Pod", "default", "returning-0")
        # Its kubelet has not taken it yet, and lists the one before.
        pod = fleet.api.set_pod("default", "returning-0", node="node-a",
                                labels={"app": "returning"}, phase="Pending", ready=False,
                                status={"startTime": None})
        uid = pod["metadata"]["uid"]
        for hub in fleet.hubs:
            wait_until(lambda hub=hub, uid=uid: sees_pod(hub, returning, "returning-0", uid),
                       "the new pod")
            assert_never(hub, returning, old)
        fleet.place(returning, "returning-0", "node-a", gpu, start_time=now())
        for hub in fleet.hubs:
            def new_number(hub=hub):
                return assert_never(hub, returning, old) == value
            wait_until(new_number, "the new number")
        fleet.wait_right(returning)


def sees_pod(hub, workload, pod, uid):
    return (hub.pods(workload) or {}).get(pod, {}).get("uid") == uid


def assert_never(hub, workload, old):
    """The value that the hub answers, or None where it refuses; never the old one."""
    try:
        value = hub.asked_for(workload).value()
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        return None
    assert value != old
    return value


def test_a_name_that_returns_on_another_node(fleet):
    """The kubelet it left still lists it."""
    wandering = fleet.deploy("wandering", LEVEL, replicas=1)
    fleet.place(wandering, "wandering-0", "node-b", 1)
    fleet.wait_values(wandering, 21)
    fleet.api.delete("Pod", "default", "wandering-0")
    uid = fleet.place(wandering, "wandering-0", "node-c", 1, start_time=now())
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: sees_pod(hub, wandering, "wandering-0", uid), "the new pod")
        wait_until(lambda hub=hub: assert_never(hub, wandering, 21) == 31, "the new GPU's value")
    fleet.wait_right(wandering)
    claims = {name for name, row in fleet.hubs[0].debug("nodes").items()
              if ("default", "wandering-0") in {(p["namespace"], p["name"]) for p in row["pods"]}}
    assert claims == {"node-b", "node-c"}


def test_two_nodes_that_claim_one_pod(fleet):
    """The API server's word on where it is decides."""
    contested = fleet.deploy("contested", LEVEL, replicas=1)
    liar = fleet.nodes["node-c"]
    liar.allot("default", "contested-0", {"nvidia.com/gpu": [liar.uuid(3)]})
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: "contested-0" in {
            pod["name"] for pod in hub.debug("nodes")["node-c"]["pods"]}, "the claim")
    fleet.place(contested, "contested-0", "node-a", 3)
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: assert_never(hub, contested, 33) == 13, "the right value")
    fleet.wait_right(contested)
