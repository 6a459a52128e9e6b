# SPDX-License-Identifier: Apache-2.0
"""Hubs without Kubernetes, standalone with it, agents of another version."""

import contextlib
import pathlib
import threading

import fleet_pb2
import fleet_pb2_grpc
import grpc
import pytest
from fleet import STRICT, Workload, new_node
from fleet_processes import Hub, agent
from google.protobuf.internal.decoder import _DecodeVarint32
from harness import PATIENCE_S, Scaler, new_channel, refusal, run, wait_until
from kube_api import new_kube_api

LEVEL = {"metricType": "gpu_utilization", "targetValue": "80"}
RECORDING = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "fleet" / "v1.stream"


@pytest.fixture
def nodes(tmp_path):
    """Two nodes without agents; their kubelets serve."""
    with contextlib.ExitStack() as stack:
        nodes = [new_node(name, tmp_path / name) for name in ("node-a", "node-b")]
        for node in nodes:
            stack.enter_context(node.kubelet)
        yield nodes


@pytest.fixture(scope="module")
def api():
    with new_kube_api() as server:
        yield server


def put_scaled_object(api, name):
    """With its Deployment of one replica."""
    api.put("Deployment", "default", name, spec={"replicas": 1})
    workload = Workload("default", name, {**LEVEL, **STRICT})
    api.put("ScaledObject", "default", name, spec={"pollingInterval": 1, "triggers": [
        {"type": "external", "metadata": workload.metadata}]})
    return workload


def test_a_hub_without_kubernetes(nodes):
    """It answers for one node's GPUs; which of two nodes is meant nobody says."""
    with Hub("none") as hub:
        hub.wait_unavailable("no node has reported", **LEVEL)
        with agent(nodes[0], f"127.0.0.1:{hub.agent_port}"):
            hub.wait_value(13, **LEVEL)
            assert hub.value(**LEVEL, gpuIndex=1) == 11
            nodes[0].read(2, gpu_util=88)
            hub.wait_value(88, **LEVEL)
            with agent(nodes[1], f"127.0.0.1:{hub.agent_port}"):
                text = wait_until(lambda: refusal(grpc.StatusCode.INVALID_ARGUMENT, hub.value,
                                                  **LEVEL), "a refusal")
                assert "needs node" in text
                hub.wait_value(23, **LEVEL, scope="node", node="node-b")
        assert set(hub.debug("nodes")) == {"node-a", "node-b"}
        assert hub.logged("no Kubernetes is configured: "
                          "what is answered is a node's, not a workload's")


def standalone(node, *arguments):
    return Scaler("--node-name", node.name, "--pod-resources-socket", str(node.kubelet.socket),
                  *arguments, fake=node.driver)


def test_standalone_with_kubernetes(nodes, api, tmp_path):
    """Agent and hub in one process: it knows whose GPUs are whose."""
    node = nodes[0]
    workload = put_scaled_object(api, "alone")
    node.allot("default", "alone-0", {"nvidia.com/gpu": [node.uuid(1)]})
    api.set_pod("default", "alone-0", node="node-a", labels={"app": "alone"})
    with standalone(node, "--kubeconfig", str(api.kubeconfig(tmp_path / "config"))) as scaler:
        asked = scaler.asked_by("default", "alone")
        asked.wait_value(11, **workload.metadata)
        node.read(1, gpu_util=66)
        asked.wait_value(66, **workload.metadata)
        stream = asked.open_stream(**workload.metadata)
        wait_until(lambda: stream.results() == [True], "active")
        node.read(1, gpu_util=0)
        wait_until(lambda: stream.results()[-1:] == [False], "idle")
        stream.call.cancel()
        assert scaler.gauge("workload_pods", devices="known") == 1
        assert scaler.gauge("kubelet_up") == scaler.gauge("kubernetes_up") == 1
        # A pod of another node has no agent here.
        api.put("Deployment", "default", "alone", spec={"replicas": 2})
        api.set_pod("default", "alone-1", node="node-b", labels={"app": "alone"})
        asked.wait_unavailable("default/alone-1", "node-b", **workload.metadata)


def test_standalone_without_kubernetes_answers_for_its_node(nodes):
    with standalone(nodes[0], "--kubeconfig", "none") as scaler:
        scaler.wait_value(13, **LEVEL)
        assert scaler.get(scaler.metrics_port, "/metrics")[0] == 200
        assert scaler.gauge("kubernetes_up") is None
        assert nodes[0].kubelet.calls == 0


def test_in_a_cluster(api, tmp_path, private_names):
    """As in a pod: the ServiceAccount's files, and where the API server is from the environment."""
    workload = put_scaled_object(api, "inside")
    account = api.service_account(tmp_path / "account")
    _, _, port = api.server.rpartition(":")
    prepare = ("mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount && "
               f"mount --bind {account} /run/secrets/kubernetes.io/serviceaccount && exec \"$@\"")
    hub = Hub("", env={"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port},
              prefix=["unshare", "-m", "sh", "-c", prepare, "sh"])
    with hub:
        wait_until(lambda: hub.devices(workload) == {}, "the workload")
        wait_until(lambda: hub.probe("/readyz")[0] == 200, "ready")


@pytest.mark.parametrize("role", ["agent", "hub"])
def test_plaintext_must_be_asked_for(role):
    done = run(role)
    assert done.returncode == 2
    assert "--insecure-agents" in done.stderr


class RecordedAgent:
    """Plays a recording of what an agent sent: its Hello, and the rest once it is greeted."""

    def __init__(self, port):
        self._over = threading.Event()
        self._greeted = threading.Event()
        self._messages = list(read_recording())
        self._channel = new_channel(port, own_connection=True)

    def __enter__(self):
        stub = fleet_pb2_grpc.FleetStub(self._channel)
        self.call = stub.Connect(self._send(), timeout=PATIENCE_S)
        next(self.call)
        self._greeted.set()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.call.cancel()
        self._channel.close()

    def _send(self):
        yield self._messages[0]
        self._greeted.wait()
        yield from self._messages[1:]
        self._over.wait()


def read_recording():
    data, place = RECORDING.read_bytes(), 0
    while place < len(data):
        size, place = _DecodeVarint32(data, place)
        yield fleet_pb2.AgentMessage.FromString(data[place:place + size])
        place += size


def test_an_agent_of_the_previous_wire_version(api, tmp_path):
    """While a fleet is updated its agents are older than its hubs."""
    workload = put_scaled_object(api, "recorded")
    api.set_pod("default", "a", node="node-a", labels={"app": "recorded"},
                start_time="2023-01-01T00:00:00Z")
    with Hub(api.kubeconfig(tmp_path / "config")) as hub:
        wait_until(lambda: hub.devices(workload) == {"a": "no_agent"}, "the pod")
        with RecordedAgent(hub.agent_port):
            asked = hub.asked_for(workload)
            asked.wait_value(80)
            wait_until(lambda: hub.gauge("reports_received_total") == 3, "all of the recording")
            row = hub.debug("nodes")["node-a"]
            assert row["agent_version"] == "0.2.0"
            assert [gpu["state"] for gpu in row["gpus"]] == ["present", "present", "lost"]
            assert sorted(hub.devices(workload)["a"]) == [gpu["uuid"] for gpu in row["gpus"][:2]]
            assert hub.gauge("reports_refused_total") == 0
            # It says nothing more: what it said grows old.
            asked.wait_unavailable("default/a", "stale")
        wait_until(lambda: hub.gauge("agents_connected") == 0, "no agent")


def test_a_stream_that_is_no_agents(nodes):
    """It is ended and told why; others are none the worse for it."""
    with Hub("none") as hub, agent(nodes[0], f"127.0.0.1:{hub.agent_port}"):
        hub.wait_value(13, **LEVEL)
        with new_channel(hub.agent_port, own_connection=True) as channel:
            stub = fleet_pb2_grpc.FleetStub(channel)
            report = fleet_pb2.AgentMessage(report=fleet_pb2.Report(sequence=1))
            nameless = fleet_pb2.AgentMessage(hello=fleet_pb2.Hello(boot_id="x"))
            for first in (report, nameless, fleet_pb2.AgentMessage()):
                with pytest.raises(grpc.RpcError) as error:
                    list(stub.Connect(iter([first]), timeout=PATIENCE_S))
                assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
                assert error.value.details()
        assert hub.value(**LEVEL) == 13
