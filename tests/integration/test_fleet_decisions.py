# SPDX-License-Identifier: Apache-2.0
"""The number that makes the HPA right, with pods that load, fall silent and return; and why."""

import time

import debug_pb2
import debug_pb2_grpc
import grpc
import pytest
from fleet import GPUS_A_NODE, NODES, Workload
from harness import RPC_DEADLINE_S, refusal, wait_until
from truth import OLDEST_S

BUSY = 92
TARGET = 80
LEVEL = {"metricType": "gpu_utilization", "targetValue": TARGET}
# Long enough to see it held at both hubs.
HOLD_S = 12


@pytest.fixture(scope="module")
def busy(fleet):
    """The fleet, with every GPU of `web` at 92 %."""
    for node in fleet.nodes.values():
        node.read(0, gpu_util=BUSY)
    fleet.wait_values(fleet.web, 3 * BUSY)
    return fleet


@pytest.fixture(scope="module")
def usual(busy):
    """`web` with every default, in both metric types."""
    return [busy.scale(f"web-usual-{metric_type.lower()}", LEVEL, target_name="web",
                       metric_type=metric_type, defaults={})
            for metric_type in ("AverageValue", "Value")]


def wait_now(hub, workload, **expected):
    """Waits until what would be answered now, which is as of the last second, is so; returns it."""
    def now():
        row = hub.now(workload)
        return row if expected.items() <= row.items() else None
    return wait_until(now, f"{expected}")


def test_three_pods_at_92_are_276_in_one_type_and_92_in_the_other(busy, usual):
    average, value = usual
    busy.wait_values(average, 3 * BUSY)
    busy.wait_values(value, BUSY)
    for hub in busy.hubs:
        wait_now(hub, average, branch="all_measured", value=3 * BUSY)
        wait_now(hub, value, branch="all_measured", value=BUSY)


def test_an_agent_that_dies_is_held(busy, usual):
    """Two of three are enough to go by: what they show can make the workload grow, and nothing is
    removed for the silence of the third."""
    average, value = usual
    busy.kill(busy.nodes["node-b"].agent)
    busy.wait_values(average, 3 * TARGET)
    busy.wait_values(value, TARGET)
    for hub in busy.hubs:
        wait_now(hub, average, branch="missing_above_target", lost=1)
        assert hub.asked_for(average).is_active()
    # Under the target the silent one counts as just at it, and so it does in the sum.
    for name in ("node-a", "node-c"):
        busy.nodes[name].read(0, gpu_util=50)
    busy.wait_values(average, 2 * 50 + TARGET)
    busy.wait_values(value, TARGET)
    # So much load that it does not fit into three: more pods are asked for, blind in one or not.
    for name in ("node-a", "node-c"):
        busy.nodes[name].read(0, gpu_util=100)
    busy.wait_values(average, 3 * TARGET)
    busy.start_agent("node-b")
    busy.wait_values(average, 100 + BUSY + 100)
    for name in NODES:
        busy.nodes[name].read(0, gpu_util=BUSY)
    busy.wait_values(average, 3 * BUSY)


def test_lasting_blindness_is_an_error(busy):
    """Held for holdSeconds, so that a moment costs nobody his connection; then KEDA's fallback is
    to know."""
    brief = busy.scale("web-brief", {**LEVEL, "holdSeconds": HOLD_S}, target_name="web",
                       defaults={})
    busy.wait_values(brief, 3 * BUSY)
    begun = time.monotonic()
    for name in ("node-a", "node-b"):
        busy.kill(busy.nodes[name].agent)
    busy.wait_values(brief, 3 * TARGET)
    for hub in busy.hubs:
        wait_now(hub, brief, branch="blind_held", lost=2)
    for hub in busy.hubs:
        hub.asked_for(brief).wait_unavailable("default/web-brief", "1 of 3", "default/web-0",
                                              "default/web-1")
        wait_now(hub, brief, branch="blind")
        assert hub.series("workload_value", object="web-brief") == []
        assert hub.series("decision_errors_total", object="web-brief", reason="blind") > [0]
    # It is held from the last readings on, which were fresh when the agents ended.
    assert time.monotonic() - begun > HOLD_S - OLDEST_S
    for name in ("node-a", "node-b"):
        busy.start_agent(name)
    busy.wait_values(brief, 3 * BUSY)


def test_pods_that_load_are_neither_paid_for_nor_removed(busy):
    growing = busy.deploy("growing", LEVEL, replicas=1, defaults={})
    busy.nodes["node-a"].read(2, gpu_util=100)
    busy.place(growing, "growing-0", "node-a", 2)
    busy.wait_values(growing, 100)
    busy.api.put("Deployment", "default", "growing", spec={"replicas": 2})
    busy.nodes["node-b"].read(2, gpu_util=0)
    busy.place(growing, "growing-1", "node-b", 2, ready=False)
    # 100 of one pod wants no more than the two that are there or on their way.
    busy.wait_values(growing, 2 * TARGET)
    for hub in busy.hubs:
        wait_now(hub, growing, measured=1, loading=1, replicas=2)
    busy.nodes["node-a"].read(2, gpu_util=10)
    busy.wait_values(growing, 10 + TARGET)
    busy.api.set_pod("default", "growing-1", labels={"app": "growing"})
    busy.wait_values(growing, 10 + 0)
    # Its being Ready has been seen: it loads no more, whatever its readiness says later.
    busy.api.set_pod("default", "growing-1", labels={"app": "growing"}, ready=False)
    for hub in busy.hubs:
        wait_until(lambda hub=hub: not hub.pods(growing)["growing-1"]["ready"], "not Ready any more")
        assert hub.asked_for(growing).value() == 10 + 0


def test_memory_that_does_not_move_holds(busy):
    """vLLM reserves its cache at the start: that is no reason to grow."""
    full = busy.scale("web-full", {"metricType": "memory_used_percent", "targetValue": 5},
                      target_name="web", defaults={})
    busy.wait_values(full, 3 * 5)
    for hub in busy.hubs:
        row = wait_now(hub, full, preallocated=3)
        assert any("preallocated memory" in warning for warning in row["warnings"])


def test_scopes_of_nodes(busy):
    """One node, or all of them, whoever uses their GPUs."""
    busy.nodes["node-c"].read(3, gpu_util=97)
    node = busy.scale("scope-node", {**LEVEL, "scope": "node", "node": "node-c"},
                      target_name="web", defaults={})
    cluster = busy.scale("scope-cluster", {"metricType": "power_draw", "targetValue": 500,
                                           "scope": "cluster", "aggregation": "sum"},
                         target_name="web", defaults={})
    unnamed = busy.scale("scope-unnamed", {**LEVEL, "scope": "node"}, target_name="web",
                         defaults={})
    busy.wait_values(node, 3 * 97)
    # 100 W each. A total is none of a replica's: it goes out as it is.
    busy.wait_values(cluster, 100 * GPUS_A_NODE * len(NODES))
    for hub in busy.hubs:
        text = refusal(grpc.StatusCode.INVALID_ARGUMENT, hub.asked_for(unnamed).value)
        assert text and "node" in text
        assert hub.asked_for(node).is_active()


def test_what_contradicts_kubernetes_is_invalid(busy):
    said = busy.scale("said", {**LEVEL, "hpaMetricType": "Value"}, target_name="web", defaults={})
    for hub in busy.hubs:
        text = refusal(grpc.StatusCode.INVALID_ARGUMENT, hub.asked_for(said).value)
        assert text and "hpaMetricType" in text and "AverageValue" in text
    twice = Workload("default", "twice", {key: str(value) for key, value in LEVEL.items()})
    busy.api.put("ScaledObject", "default", "twice", spec={
        "scaleTargetRef": {"name": "web"},
        "triggers": [{"type": "external", "metricType": metric_type, "metadata": twice.metadata}
                     for metric_type in ("AverageValue", "Value")]})
    for hub in busy.hubs:
        wait_until(lambda hub=hub: hub.devices(twice) is not None)
        text = refusal(grpc.StatusCode.INVALID_ARGUMENT, hub.asked_for(twice).value)
        assert text and "triggers 0 (AverageValue) and 1 (Value)" in text


def test_why_this_number(busy, usual):
    """The page, gRPC and /metrics tell the same."""
    average, _ = usual
    busy.wait_values(average, 3 * BUSY)
    for hub in busy.hubs:
        row = hub.decisions(average)
        newest = row["answered"][0]["decision"]
        assert newest["value"] == 3 * BUSY
        assert newest["formula"] == "A*n = 92*3 = 276"
        assert newest["active"] and "92" in newest["active_why"]
        assert newest["coverage"] == 1
        assert [one["name"] for one in newest["inputs"]] == [
            f"pod default/web-{number}" for number in range(3)]
        assert all(one["value"] == BUSY and one["age_seconds"] < 5 for one in newest["inputs"])
        assert len(row["answered"]) <= 20
        debug = debug_pb2_grpc.DebugStub(hub.channel).ListDecisions(
            debug_pb2.ListDecisionsRequest(namespace="default", name=average.name),
            timeout=RPC_DEADLINE_S)
        assert [trigger.name for trigger in debug.triggers] == [average.name]
        assert debug.triggers[0].answered[0].decision.formula == newest["formula"]
        labels = {"object": average.name, "namespace": "default", "kind": "ScaledObject",
                  "trigger": "0"}
        wait_now(hub, average, value=3 * BUSY)
        for name, expected in (("value", 276), ("target", 80), ("replicas", 3),
                               ("coverage_ratio", 1), ("active", 1)):
            assert hub.series(f"workload_{name}", **labels) == [expected], name


def test_what_comes_from_the_environment_is_not_shown(busy):
    secret = busy.scale("secret", {"metricType": "gpu_utilization",
                                   "targetValueFromEnv": "GPU_TARGET"},
                        target_name="web", defaults={})
    for hub in busy.hubs:
        row = wait_until(lambda hub=hub: hub.decisions(secret))
        assert "now" not in row and "target" not in row and row["answered"] == []
        sent = {key: value for key, value in secret.metadata.items()
                if not key.endswith("FromEnv")}
        asked = hub.asked_by("default", "secret")
        asked.wait_value(3 * BUSY, targetValueFromEnv="67.125", **sent)
        wait_now(hub, secret, value=3 * BUSY)
        _, page = hub.get(hub.debug_port, "/debug/decisions", address="127.0.0.1")
        assert "67.125" not in page and "GPU_TARGET" not in page
        assert hub.series("workload_target", object="secret") == []
        assert hub.series("workload_value", object="secret") == [3 * BUSY]
