# SPDX-License-Identifier: Apache-2.0
"""What is scaled, beyond Deployments: groups, other kinds, jobs; and whose triggers count."""

import grpc
from fleet import SCALER, Workload
from fleet_processes import Hub
from harness import refusal, wait_until

LEVEL = {"metricType": "gpu_utilization", "targetValue": 80}
LWS = "leaderworkerset.sigs.k8s.io"
LWS_TARGET = ("leaderworkerset.x-k8s.io", "v1", "LeaderWorkerSet", "leaderworkersets")
ROLLOUT = ("argoproj.io", "v1alpha1", "Rollout", "rollouts")


def group_labels(name, group, worker):
    return {f"{LWS}/name": name, f"{LWS}/group-index": str(group),
            f"{LWS}/worker-index": str(worker)}


def test_the_groups_of_a_leader_worker_set(fleet):
    """A group is one replica, and none while a pod of it is missing."""
    deepseek = fleet.scale("deepseek", LEVEL, target=LWS_TARGET)
    fleet.api.put("LeaderWorkerSet", "default", "deepseek", spec={"replicas": 2}, status={
        "replicas": 2, "hpaPodSelector": f"{LWS}/name=deepseek,{LWS}/worker-index=0"})
    places = {"deepseek-0": (0, 0, "node-a", 1), "deepseek-0-1": (0, 1, "node-b", 1),
              "deepseek-1": (1, 0, "node-b", 2), "deepseek-1-1": (1, 1, "node-c", 2)}

    def place(pod):
        group, worker, node, gpu = places[pod]
        fleet.place(deepseek, pod, node, gpu, labels=group_labels("deepseek", group, worker),
                    annotations={f"{LWS}/size": "2"})

    for pod in places:
        place(pod)
    fleet.wait_right(deepseek)
    fleet.wait_values(deepseek, 21 + 32)
    fleet.remove(deepseek, "deepseek-0-1")
    for hub in fleet.hubs:
        hub.asked_for(deepseek).wait_unavailable("group 0 of default/deepseek", "1 of its 2 pods")
    place("deepseek-0-1")
    fleet.wait_right(deepseek)
    fleet.wait_values(deepseek, 21 + 32)


def test_replicas_by_a_label(fleet):
    pairs = fleet.deploy("pairs", {**LEVEL, "replicaLabel": "example.com/pair"}, replicas=2)
    for pod, pair, node, gpu in (("pairs-a", "1", "node-a", 1), ("pairs-b", "1", "node-c", 1),
                                 ("pairs-c", "2", "node-b", 3), ("pairs-d", "2", "node-c", 3)):
        fleet.place(pairs, pod, node, gpu, labels={"app": "pairs", "example.com/pair": pair})
    fleet.wait_right(pairs)
    fleet.wait_values(pairs, 31 + 33)
    # Without its label it belongs to nobody knows whom.
    fleet.place(pairs, "pairs-d", "node-c", 3, labels={"app": "pairs"})
    for hub in fleet.hubs:
        hub.asked_for(pairs).wait_unavailable("default/pairs-d", "replicaLabel")


def test_another_kind_by_its_scale(fleet):
    """It cannot be watched, only asked."""
    canary = fleet.scale("canary", LEVEL, target=ROLLOUT)
    fleet.api.put("Rollout", "default", "canary", spec={"replicas": 1},
                  status={"replicas": 1, "selector": "app=canary"})
    fleet.place(canary, "canary-0", "node-a", 2)
    fleet.wait_right(canary)
    fleet.wait_values(canary, 12)
    fleet.api.put("Rollout", "default", "canary", spec={"replicas": 2})
    # One that is not there yet is held, since it may be about to carry its share.
    fleet.wait_values(canary, 12 + 80)
    fleet.place(canary, "canary-1", "node-b", 2)
    fleet.wait_values(canary, 12 + 22)


def test_a_kind_that_the_status_does_not_tell(fleet):
    """KEDA has not written the status yet: discovery tells the resource."""
    fleet.api.put("Rollout", "default", "early", spec={"replicas": 1},
                  status={"replicas": 1, "selector": "app=early"})
    early = Workload("default", "early", {"metricType": "gpu_utilization", "targetValue": "80"})
    fleet.api.put("ScaledObject", "default", "early", spec={
        "scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
                           "name": "early"},
        "triggers": [{"type": "external", "metadata": early.metadata}]})
    fleet.place(early, "early-0", "node-c", 1)
    fleet.wait_right(early)
    fleet.wait_values(early, 31)


def test_a_target_that_is_not_there(fleet):
    absent = fleet.scale("absent", LEVEL, target_name="no-such")
    for hub in fleet.hubs:
        hub.asked_for(absent).wait_unavailable("default/absent", "no-such", "not found")
    fleet.api.put("Deployment", "default", "no-such", spec={"replicas": 1})
    absent.name = "no-such"
    fleet.place(absent, "no-such-0", "node-a", 3)
    absent.name = "absent"
    fleet.wait_values(absent, 13)


def test_a_scaled_job(fleet):
    """It counts things to do: watts do, a percentage does not."""
    metadata = {"metricType": "power_draw", "targetValue": "250", "activationThreshold": "20"}
    batch = Workload("default", "batch", metadata, kind="ScaledJob")
    level = {"scalerAddress": SCALER, "metricType": "gpu_utilization", "targetValue": "70"}
    fleet.api.put("ScaledJob", "default", "batch", spec={"triggers": [
        {"type": "external", "metadata": batch.metadata},
        {"type": "external", "metadata": level}]})
    for number, node in enumerate(("node-a", "node-b")):
        fleet.place(batch, f"batch-{number}", node, 3, labels={"scaledjob.keda.sh/name": "batch"})
    fleet.wait_right(batch)
    fleet.wait_values(batch, 200)
    for hub in fleet.hubs:
        assert hub.gauge("tracked_objects", kind="ScaledJob") == 1
        text = refusal(grpc.StatusCode.INVALID_ARGUMENT,
                       hub.asked_by("default", "batch").patient().value, **level)
        assert text and "gpu_utilization" in text
    # One that is done counts no more.
    fleet.api.set_pod("default", "batch-1", phase="Succeeded", ready=False)
    fleet.wait_values(batch, 100)


def test_keys_from_the_environment(fleet):
    """KEDA sends what the variable holds, or leaves the key out."""
    stored = {"metricType": "gpu_utilization", "targetValueFromEnv": "GPU_TARGET"}
    envious = fleet.scale("envious", stored, target_name="web")
    for hub in fleet.hubs:
        asked = hub.asked_by("default", "envious")
        sent = {key: value for key, value in envious.metadata.items()
                if not key.endswith("FromEnv")}
        wait_until(lambda hub=hub: hub.devices(envious) == fleet.web.pods, "the workload")
        asked.wait_value(10 + 20 + 30, targetValueFromEnv="65", **sent)
        assert asked.value(**sent) == 60
        assert asked.metric_spec(targetValueFromEnv="65", **sent).targetSizeFloat == 65
        text = refusal(grpc.StatusCode.INVALID_ARGUMENT, asked.patient().value, modelFromEnv="x",
                       **sent)
        assert text


def test_only_some_namespaces(fleet):
    """What is outside them is as if it were not there."""
    fleet.scale("inside", LEVEL, namespace="team-a")
    fleet.scale("outside", LEVEL, namespace="team-b")
    with Hub(fleet.kubeconfig, "--namespaces", "team-a,team-c") as hub:
        wait_until(lambda: ("ScaledObject", "team-a", "inside") in hub.debug("workloads"), "inside")
        wait_until(lambda: hub.probe("/readyz")[0] == 200, "ready")
        assert hub.gauge("tracked_objects", kind="ScaledObject") == 1
        asked = hub.asked_by("team-b", "outside").patient()
        text = refusal(grpc.StatusCode.INVALID_ARGUMENT, asked.value, scalerAddress=SCALER,
                       **LEVEL)
        assert text and "team-b/outside" in text and "--namespaces" in text


def test_only_triggers_that_name_this_scaler(fleet):
    other = "other-scaler.gpu.svc:6000"
    for name, address in (("theirs", other), ("ours", SCALER)):
        fleet.api.put("ScaledObject", "names", name, spec={"triggers": [
            {"type": "external", "metadata": {"scalerAddress": address, **{
                key: str(value) for key, value in LEVEL.items()}}}]})
    with Hub(fleet.kubeconfig, "--service-names", "other-scaler") as hub:
        wait_until(lambda: set(hub.debug("workloads")) == {("ScaledObject", "names", "theirs")},
                   "the other's only")
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: ("ScaledObject", "names", "ours") in hub.debug("workloads"))
        assert ("ScaledObject", "names", "theirs") not in hub.debug("workloads")
        text = refusal(grpc.StatusCode.INVALID_ARGUMENT,
                       hub.asked_by("names", "theirs").patient().value, scalerAddress=other, **LEVEL)
        assert text and "names/theirs" in text
