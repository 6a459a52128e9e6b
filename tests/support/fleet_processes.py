# SPDX-License-Identifier: Apache-2.0
"""The processes of a fleet, hubs and agents, and the nodes that agents are on."""

import json

from fake_driver import FakeNvml
from fake_kubelet import FakeKubelet
from harness import (BINARY, FAKE_NVML, NOT_HEARD_YET, Answering, Keda, Program,
                     scaled_object)


class Hub(Answering):
    """A hub process. Agents reach it at `address` on `agent_port`."""

    ports = ("port", "agent_port", "metrics_port", "probe_port", "debug_port")

    def __init__(self, kubeconfig, *arguments, address="127.0.0.1", agent_port="auto", env=None,
                 prefix=(), security=None):
        """With `security` (security.Security) by mTLS and with agents that prove who they are."""
        self.address = address
        self.client = security and security.client()
        secured = security.hub_flags() if security else ["--insecure-agents"]
        super().__init__(
            [*prefix, BINARY, "hub", "--kubeconfig", str(kubeconfig), "--bind-address", address,
             "--port", "auto", "--agent-port", str(agent_port), "--metrics-port", "auto",
             "--probe-port", "auto", "--debug-port", "auto", *secured, *arguments], env)
        self.passing = NOT_HEARD_YET

    def debug(self, what):
        """The rows of /debug/nodes or /debug/workloads, by name; of /debug/decisions, by name and
        trigger."""
        status, body = self.get(self.debug_port, f"/debug/{what}", address="127.0.0.1")
        assert status == 200, body
        rows = json.loads(body)["triggers" if what == "decisions" else what]
        if what == "nodes":
            return {row["name"]: row for row in rows}
        if what == "decisions":
            return {(row["kind"], row["namespace"], row["name"], row["trigger"]): row
                    for row in rows}
        return {(row["kind"], row["namespace"], row["name"]): row for row in rows}

    def pods(self, workload):
        """The rows of the workload's pods by name; None while the workload is not known."""
        row = self.debug("workloads").get((workload.kind, workload.namespace, workload.name))
        return row and {pod["name"]: pod for pod in row["pods"]}

    def decisions(self, workload, trigger=0):
        """The row of the workload's trigger in /debug/decisions; None while there is none."""
        return self.debug("decisions").get(
            (workload.kind, workload.namespace, workload.name, trigger))

    def now(self, workload, trigger=0):
        """What the hub would answer, as of the last second. Empty until it has looked, which may
        be after it answered: KEDA's question tells it of a trigger as Kubernetes does."""
        return (self.decisions(workload, trigger) or {}).get("now", {})

    def devices(self, workload):
        """By pod, the UUIDs of its GPUs, or why they are not known."""
        pods = self.pods(workload)
        return pods and {
            name: [gpu["uuid"] for gpu in pod["gpus"]] if pod["devices"] == "known"
            else pod["devices"] for name, pod in pods.items()}

    def asked_for(self, workload):
        """KEDA's calls for a workload, which need no metadata."""
        return _Asked(self.keda, workload, self.passing)


class _Asked(Keda):
    def __init__(self, keda, workload, passing):
        super().__init__(keda, workload.namespace, workload.name, passing)
        self._metadata = workload.metadata

    def _object(self, metadata):
        return scaled_object({**self._metadata, **metadata}, **self._of)


class Node:
    """A node: its driver, its kubelet, and its agent once that is started."""

    def __init__(self, name, folder, gpus):
        """`gpus` as of fake_driver.Gpu."""
        folder.mkdir()
        self.name = name
        self.driver = FakeNvml(folder, gpus)
        self.kubelet = FakeKubelet(folder)
        self.agent = None
        # By GPU, for truth.Meter.
        self.drawn = {}

    def uuid(self, gpu):
        return self.driver.gpus[gpu].uuid

    def read(self, gpu, **keys):
        """The driver answers this for that GPU from now on."""
        self.driver.gpus[gpu].keys.update(keys)
        self.driver.write()

    def allot(self, namespace, pod, devices):
        """The kubelet lists the pod with the devices (FakeKubelet.pods) from now on; or, with
        None, no longer."""
        pods = {name: held for name, held in self.kubelet.pods.items() if name != (namespace, pod)}
        if devices is not None:
            pods[namespace, pod] = devices
        self.kubelet.pods = pods


def agent(node, hub, *arguments, prefix=lambda *command: list(command), env=None, security=None):
    """An agent process of that Node. With `security` (security.Security) it has the token that
    stands in `security.token_file(node.name)`."""
    secured = security.agent_flags(node.name) if security else ["--insecure-agents"]
    return Program(
        prefix(BINARY, "agent", "--hub", hub, "--node-name", node.name,
               "--pod-resources-socket", str(node.kubelet.socket), "--nvml-library", FAKE_NVML,
               "--bind-address", "127.0.0.1", "--metrics-port", "auto", "--probe-port", "auto",
               "--sampling-interval", "100ms", "--health-check-interval", "1s",
               *secured, *arguments),
        {**node.driver.environment(), **(env or {})})
