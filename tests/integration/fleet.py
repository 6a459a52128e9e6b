# SPDX-License-Identifier: Apache-2.0
"""A fleet of three agents and two hubs over an API server, as the tests of this folder use it."""

import contextlib
import pathlib
import shutil
import tempfile

from fake_driver import Gpu
from fleet_processes import Hub, Node, agent
from harness import free_port, wait_until
from kube_api import new_kube_api
from private_hosts import PrivateHosts

NODES = ("node-a", "node-b", "node-c")
HUB_ADDRESSES = ("127.0.0.1", "127.0.0.2")
GPUS_A_NODE = 4
SCALER = "keda-gpu-scaler.keda.svc.cluster.local:6000"
# Nothing is held: whatever a hub does not know right now shows at once, as UNAVAILABLE.
STRICT = {"holdSeconds": "0", "minCoverage": "1"}


def new_node(name, folder):
    """The node of that name of NODES, with GPUs that are told apart by what they show."""
    number = NODES.index(name) + 1
    return Node(name, folder, [
        Gpu(i, uuid=f"GPU-0000000{number}-0000-0000-0000-{i:012d}", gpu_util=10 * number + i, mig_mode=0,
            memory_total_mib=81920, memory_used_mib=8192 * (i + 1), power_mw=100000)
        for i in range(GPUS_A_NODE)])


class Workload:
    """A scaled object of a fleet, and the UUIDs that each of its pods holds."""

    def __init__(self, namespace, name, metadata, kind="ScaledObject"):
        self.namespace, self.name, self.kind = namespace, name, kind
        self.metadata = {"scalerAddress": SCALER, **metadata}
        self.pods = {}


class Fleet:
    """Three nodes with agents, two hubs, an API server. Use as a context manager.

    `default/web` is there from the start: web-N on the Nth node with its first GPU.
    """

    def __init__(self, agent_address=lambda hub: hub, agent_env=None):
        """Agents are told to reach the hub at an address at `agent_address` of it."""
        # Short: the paths of sockets are limited.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kgs-fleet-"))
        self._processes = []
        self._agent_env = agent_env
        self._stack = contextlib.ExitStack()
        self.agent_addresses = [agent_address(hub) for hub in HUB_ADDRESSES]
        self.agent_port = free_port({*HUB_ADDRESSES, *self.agent_addresses})
        self.hosts = PrivateHosts(self.folder / "hosts", "hubs.test", self.agent_addresses)
        self.nodes = {name: new_node(name, self.folder / name) for name in NODES}
        self.hubs = [None for _ in HUB_ADDRESSES]
        self.web = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.folder)
            self.api = stack.enter_context(new_kube_api())
            self.kubeconfig = self.api.kubeconfig(self.folder / "kubeconfig")
            for node in self.nodes.values():
                stack.enter_context(node.kubelet)
            stack.callback(self._end_all)
            for hub in range(len(self.hubs)):
                self.start_hub(hub)
            for node in NODES:
                self.start_agent(node)
            self.web = self.deploy("web", {"metricType": "gpu_utilization", "targetValue": 80})
            for number, node in enumerate(NODES):
                self.place(self.web, f"web-{number}", node, 0)
            self.wait_right(self.web)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.__exit__(*error)

    # Processes.

    def start_hub(self, number, *arguments):
        hub = Hub(self.kubeconfig, *arguments, address=HUB_ADDRESSES[number],
                  agent_port=self.agent_port)
        self.hubs[number] = self._start(hub)
        return hub

    def start_agent(self, name, *arguments):
        node = self.nodes[name]
        node.agent = self._start(agent(
            node, f"{self.hosts.name}:{self.agent_port}", *arguments, prefix=self.hosts.command,
            env=self._agent_env))
        return node.agent

    def _start(self, process):
        process.__enter__()
        self._processes.append(process)
        return process

    def kill(self, process):
        """Ends it at once, as the kernel does."""
        process.process.kill()
        process.process.wait()
        self._processes.remove(process)
        process.__exit__(None, None, None)

    def _end_all(self):
        # Agents first: they end on their own behalf, not for a hub that has gone.
        hubs_first = sorted(self._processes, key=lambda one: not isinstance(one, Hub))
        with contextlib.ExitStack() as stack:
            for process in hubs_first:
                process.resume()
                stack.push(process)

    # Workloads.

    def deploy(self, name, metadata, namespace="default", replicas=3, **options):
        """A Deployment and its ScaledObject; pods are the test's (`place`)."""
        self.api.put("Deployment", namespace, name, spec={"replicas": replicas})
        return self.scale(name, metadata, namespace, **options)

    def scale(self, name, metadata, namespace="default", push=False, metric_type="AverageValue",
              target=("apps", "v1", "Deployment", "deployments"), target_name=None, known=True,
              defaults=STRICT):
        """A ScaledObject with one trigger, of `defaults` where `metadata` does not say otherwise;
        `target` is (group, version, kind, resource). Both hubs know it when this returns, if
        `known`."""
        metadata = {key: str(value) for key, value in {**defaults, **metadata}.items()}
        workload = Workload(namespace, name, metadata)
        group, version, kind, resource = target
        trigger = {"type": "external-push" if push else "external", "metricType": metric_type,
                   "metadata": workload.metadata}
        reference = {"apiVersion": f"{group}/{version}", "kind": kind, "name": target_name or name}
        self.api.put(
            "ScaledObject", namespace, name,
            # KEDA's least: an idle workload is so after 30 s, twice the usual.
            spec={"scaleTargetRef": reference, "pollingInterval": 1, "triggers": [trigger]},
            status={"scaleTargetGVKR": {"group": group, "version": version, "kind": kind,
                                        "resource": resource},
                    "scaleTargetKind": f"{group}/{version}.{kind}"})
        if known:
            for hub in self.hubs:
                wait_until(lambda: hub.devices(workload) is not None, "the object")
        return workload

    def place(self, workload, pod, node, *gpus, labels=None, devices=None, **fields):
        """A running pod on the node with those GPUs: first the kubelet gives them to it, then the
        API server says that it runs. `devices` is what the kubelet lists, if not their UUIDs.
        Returns the uid."""
        uuids = [self.nodes[node].uuid(gpu) for gpu in gpus]
        self.nodes[node].allot(workload.namespace, pod,
                               {"nvidia.com/gpu": uuids} if devices is None else devices)
        workload.pods[pod] = uuids
        if labels is None:
            labels = {"app": workload.name}
        placed = self.api.set_pod(workload.namespace, pod, node=node, labels=labels, **fields)
        return placed["metadata"]["uid"]

    def remove(self, workload, pod):
        """The pod has gone, from the API server and from its kubelet."""
        self.api.delete("Pod", workload.namespace, pod)
        for node in self.nodes.values():
            node.allot(workload.namespace, pod, None)
        del workload.pods[pod]

    # What hubs know.

    def wait_right(self, workload, hubs=None):
        """Waits until these hubs (default: both) have each of its devices on its right pod, with
        readings: then both answer, alike."""
        for hub in self.hubs if hubs is None else hubs:
            found = None

            def right():
                nonlocal found
                found = hub.devices(workload)
                return found == workload.pods
            try:
                wait_until(right)
            except AssertionError:
                raise AssertionError(f"{found} instead of {workload.pods}") from None

    def wait_values(self, workload, expected):
        """Waits until both hubs answer that."""
        for hub in self.hubs:
            hub.asked_for(workload).wait_value(expected)
