# SPDX-License-Identifier: Apache-2.0
"""Three agents and two hubs: each device on its right pod, on both hubs alike."""

import time

import externalscaler_pb2
import grpc
import pytest
from fleet import NODES
from harness import PATIENCE_S, RPC_DEADLINE_S, refusal, scaled_object, wait_until

BUSY = 92


@pytest.fixture(scope="module")
def busy(fleet):
    """The fleet, with every GPU of `web` at 92 %."""
    for node in fleet.nodes.values():
        node.read(0, gpu_util=BUSY)
    fleet.wait_values(fleet.web, 3 * BUSY)
    return fleet


def test_each_device_is_on_its_right_pod_on_both_hubs_alike(busy):
    for hub in busy.hubs:
        assert hub.devices(busy.web) == {
            f"web-{number}": [busy.nodes[node].uuid(0)] for number, node in enumerate(NODES)}
        pods = hub.pods(busy.web)
        assert [pods[f"web-{number}"]["node"] for number in range(3)] == list(NODES)
        for pod in pods.values():
            readings = pod["gpus"][0]["readings"]
            assert readings["gpu_utilization"]["value"] == BUSY
            assert readings["memory_used_mib"]["value"] == 8192


def test_three_pods_at_92_are_276_and_the_value_92(busy):
    """The HPA divides an AverageValue by the replicas: 276 over 3 is 92 again."""
    level = busy.scale("web-level", {"metricType": "gpu_utilization", "targetValue": 80},
                       metric_type="Value", target_name="web")
    watts = busy.scale("web-watts", {"metricType": "power_draw", "targetValue": 250,
                                     "activationThreshold": 120}, target_name="web")
    busy.wait_values(level, BUSY)
    for hub in busy.hubs:
        assert hub.asked_for(busy.web).value() == 3 * BUSY
        assert hub.asked_for(level).value() == BUSY
        assert hub.asked_for(busy.web).is_active()
    busy.wait_values(watts, 300)
    # Idle is what has been so for a while.
    for hub in busy.hubs:
        wait_until(lambda hub=hub: not hub.asked_for(watts).is_active(), "idle")


def test_a_missing_pod_is_held_and_one_that_is_lost_an_error_that_names_it(busy):
    """The mean of the rest would be a guess."""
    small = busy.deploy("small", {"metricType": "gpu_utilization", "targetValue": 80}, replicas=2)
    busy.place(small, "small-0", "node-a", 1)
    busy.wait_values(small, 11 + 80)
    # Scheduled nowhere.
    busy.api.set_pod("default", "small-1", labels={"app": "small"}, ready=False)
    for hub in busy.hubs:
        wait_until(lambda hub=hub: hub.devices(small).get("small-1") == "not_scheduled")
    busy.wait_values(small, 11 + 80)
    busy.api.delete("Pod", "default", "small-1")
    # On a node of which nobody reports.
    busy.api.set_pod("default", "small-1", node="node-z", labels={"app": "small"})
    for hub in busy.hubs:
        hub.asked_for(small).wait_unavailable("default/small-1", "node-z")
        assert hub.devices(small)["small-1"] == "no_agent"
        assert hub.gauge("workload_pods", devices="no_agent") == 1
    busy.api.delete("Pod", "default", "small-1")
    busy.place(small, "small-1", "node-b", 1)
    busy.wait_values(small, 11 + 21)


def test_pods_come_and_go(busy):
    moving = busy.deploy("moving", {"metricType": "gpu_utilization", "targetValue": 80},
                         replicas=1)
    busy.place(moving, "moving-0", "node-a", 2)
    busy.wait_right(moving)
    busy.wait_values(moving, 12)
    busy.api.put("Deployment", "default", "moving", spec={"replicas": 2})
    busy.place(moving, "moving-1", "node-c", 2)
    busy.wait_right(moving)
    busy.wait_values(moving, 12 + 32)
    # One that is on its way out counts no more, even while it is there.
    busy.api.put("Deployment", "default", "moving", spec={"replicas": 1})
    busy.api.delete("Pod", "default", "moving-0", grace_seconds=30)
    busy.wait_values(moving, 32)
    busy.remove(moving, "moving-0")
    busy.wait_right(moving)
    busy.api.put("Deployment", "default", "moving", spec={"replicas": 0})
    busy.remove(moving, "moving-1")
    busy.wait_values(moving, 0)
    for hub in busy.hubs:
        assert not hub.asked_for(moving).is_active()


def test_unknown_metadata_is_invalid_within_a_second(busy):
    for hub in busy.hubs:
        asked = hub.asked_for(busy.web)
        # A machine that is busy may be late itself, but not each time.
        assert any(is_refused_in_time(asked.patient()) for _ in range(4))
        nobody = hub.asked_by("default", "nobody").patient()
        text = refusal(grpc.StatusCode.INVALID_ARGUMENT, nobody.value)
        assert text and "default/nobody" in text
        # What the HPA is told comes from the metadata alone.
        assert asked.metric_spec(targetValue=1).targetSizeFloat == 1
    tracked = [hub.gauge("tracked_objects", kind="ScaledObject") for hub in busy.hubs]
    assert tracked[0] == tracked[1]


def is_refused_in_time(asked):
    begun = time.monotonic()
    text = refusal(grpc.StatusCode.INVALID_ARGUMENT, asked.is_active, targetValue=1)
    assert text and "default/web" in text
    return time.monotonic() - begun < RPC_DEADLINE_S


def test_a_new_object_is_answered_within_a_second_even_if_asked_first(busy):
    """KEDA may hear of it before our watch does."""
    for number, hub in enumerate(busy.hubs):
        # A machine that is busy may be late itself, but not each time.
        assert any(is_answered_in_time(busy, hub, f"sudden-{number}-{turn}") for turn in range(4))


def is_answered_in_time(fleet, hub, name):
    request = externalscaler_pb2.GetMetricsRequest(
        scaledObjectRef=scaled_object({**fleet.web.metadata, "targetValue": 70}, name=name))
    asked = hub.keda.GetMetrics.future(request, timeout=PATIENCE_S)
    created = time.monotonic()
    fleet.scale(name, {"metricType": "gpu_utilization", "targetValue": 70}, target_name="web",
                known=False)
    try:
        assert asked.result().metricValues[0].metricValueFloat == 3 * BUSY
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        return False
    return time.monotonic() - created < RPC_DEADLINE_S


def test_the_pages_of_agents_and_hubs(busy):
    for hub in busy.hubs:
        assert hub.gauge("agents_connected") == 3
        assert 0 <= hub.gauge("oldest_report_age_seconds") < 5
        assert hub.gauge("kubernetes_up") == 1
        assert hub.gauge("workload_pods", devices="known") >= 3
        assert hub.gauge("watched_pods") >= 3
        assert hub.gauge("report_bytes_received_total") > hub.gauge("reports_received_total") > 3
        assert hub.gauge("reports_refused_total") == 0
        assert set(hub.series("watch_up")) == {1}
        assert len(hub.series("watch_age_seconds")) == len(hub.series("watch_up")) >= 4
        assert hub.series("gpu_utilization_percent") == []
        assert hub.probe("/readyz")[0] == 200
        assert hub.serving("")
        nodes = hub.debug("nodes")
        assert set(nodes) == set(NODES)
        assert all(row["connected"] and row["pods_listed"] for row in nodes.values())
    for node in busy.nodes.values():
        assert node.agent.gauge("hubs") == node.agent.gauge("hubs_connected") == 2
        assert node.agent.gauge("kubelet_up") == 1
        wait_until(lambda node=node: node.agent.gauge("pods_with_devices") == len(
            node.kubelet.pods), "the pods of the last answer")
        assert node.agent.probe("/readyz")[0] == 200


def test_a_hub_starts_warm_for_every_object(busy):
    """A replica that is new has everything without being asked anything."""
    busy.kill(busy.hubs[1])
    hub = busy.start_hub(1)
    wait_until(lambda: hub.probe("/readyz")[0] == 200, "ready")
    busy.wait_right(busy.web)
    assert hub.asked_for(busy.web).value() == 3 * BUSY
