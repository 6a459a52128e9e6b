# SPDX-License-Identifier: Apache-2.0
"""Plays scheduler and kubelet for the pods of one scenario, and the load that they carry.

A pod gets a node and a GPU when it is created and is Ready a set time later; one that is deleted
goes at once. The load is closed-loop: so much work as is offered (in percent of a GPU) is spread
over the pods that are Ready, and their GPUs show it.
"""

import datetime
import threading
import time

from fake_engine import FakeEngine
from gpu_fleet import IDLE
from kube_client import ApiError
from kube_kinds import pod_fields

ENGINE_PORT = 8000
_TICK_S = 0.1
_PODS = "/api/v1/namespaces/{}/pods"


def busy(percent):
    """What the GPU of a serving pod shows at so much utilization."""
    return {"gpu_util": percent, "mem_util": percent // 2, "memory_used_mib": 8192,
            "power_mw": 100000 + 4000 * percent}


class _Pod:
    def __init__(self, found, node, gpu, address):
        self.name = found["metadata"]["name"]
        self.node, self.gpu, self.address = node, gpu, address
        self.started = time.monotonic()
        self.ready = False
        # What it has of the load.
        self.share = 0
        self.engine = None


class Kubelet:
    """All kubelets of a GpuFleet. Use as a context manager: it works on a thread of its own."""

    def __init__(self, stack, fleet, namespace, ready_after, shown=busy, engine_page=None):
        """Pods are Ready after `ready_after` seconds; `shown` makes a GPU's keys of a percentage.
        With `engine_page` each pod runs an engine at its address, on ENGINE_PORT, whose page that
        makes of the pod's share of the load, then in requests."""
        self._stack, self._fleet, self._namespace = stack, fleet, namespace
        self._ready_after, self._shown, self._engine_page = ready_after, shown, engine_page
        self._pods = {}
        self._load = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        # How many pods have been given a node.
        self.admitted = 0
        # What ended the thread, for the scenario to raise.
        self.error = None
        # Called each tick, on this thread.
        self.controllers = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        for pod in self._pods.values():
            self._stop_engine(pod)

    @property
    def load(self):
        return self._load

    def offer(self, percent):
        """From now on so much work is offered, in percent of one GPU."""
        self._load = percent

    def worked_on(self):
        """What the Ready pods have of the load."""
        return sum(pod.share for pod in list(self._pods.values()) if pod.ready)

    def node_of(self, pod):
        """The Node of the pod of that name."""
        return next(one.node for one in list(self._pods.values()) if one.name == pod)

    def _run(self):
        try:
            while not self._over.wait(_TICK_S):
                for tick in (*self.controllers, self._tick):
                    tick()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def _tick(self):
        found = {pod["metadata"]["uid"]: pod
                 for pod in self._stack.pods.of(self._namespace).values()}
        for uid in set(self._pods) - set(found):
            self._forget(uid)
        for uid, pod in found.items():
            if pod["metadata"].get("deletionTimestamp"):
                self._forget(uid)
                self._delete(pod)
            elif uid not in self._pods:
                self._admit(uid, pod)
            elif not self._pods[uid].ready:
                self._make_ready(uid, pod)
        self._spread_load()

    # Pods.

    def _admit(self, uid, pod):
        node, gpu = self._free_gpu()
        mine = _Pod(pod, node, gpu, self._fleet.pod_address(self.admitted))
        if self._engine_page:
            mine.engine = FakeEngine(lambda: self._engine_page(mine.share), address=mine.address,
                                     port=ENGINE_PORT)
            mine.engine.__enter__()
        node.allot(self._namespace, mine.name, {"nvidia.com/gpu": [node.uuid(gpu)]})
        self._pods[uid] = mine
        self.admitted += 1
        # What the scheduler does.
        if self._call("POST", pod, "binding", {"target": {"kind": "Node", "name": node.name}}):
            self._report(pod, mine)

    def _make_ready(self, uid, pod):
        mine = self._pods[uid]
        if time.monotonic() - mine.started < self._ready_after:
            return
        mine.ready = True
        self._report(pod, mine)

    def _report(self, pod, mine):
        """Writes the status, as the kubelet does."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = pod_fields(mine.node.name, None, "Running", now, mine.ready)["status"]
        status.update(podIP=mine.address, podIPs=[{"ip": mine.address}])
        if mine.ready:
            status["startTime"] = pod["status"].get("startTime", now)
        self._call("PATCH", pod, "status", {"status": status})

    def _delete(self, pod):
        path = _PODS.format(self._namespace) + "/" + pod["metadata"]["name"]
        self._stack.admin.request("DELETE", path, {
            "gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}})

    def _call(self, method, pod, subresource, body):
        """Whether it was done: a pod may have gone meanwhile."""
        name = pod["metadata"]["name"]
        body = {"metadata": {"name": name, "uid": pod["metadata"]["uid"]}, **body}
        kind = "application/json" if method == "POST" else "application/merge-patch+json"
        path = f"{_PODS.format(self._namespace)}/{name}/{subresource}"
        answer = self._stack.admin.request(method, path, body, kind)
        if answer.status // 100 != 2 and answer.status not in (404, 409):
            raise ApiError(method, path, answer)
        return answer.status // 100 == 2

    def _forget(self, uid):
        mine = self._pods.pop(uid, None)
        if mine:
            mine.node.allot(self._namespace, mine.name, None)
            mine.node.read(mine.gpu, **IDLE)
            self._stop_engine(mine)

    @staticmethod
    def _stop_engine(pod):
        if pod.engine:
            pod.engine.__exit__()
            pod.engine = None

    def _free_gpu(self):
        """A GPU of the node that has most of them free."""
        held = {(pod.node.name, pod.gpu) for pod in self._pods.values()}
        free = {node.name: [gpu for gpu in range(len(node.driver.gpus))
                            if (node.name, gpu) not in held] for node in self._fleet.nodes}
        node = max(self._fleet.nodes, key=lambda one: len(free[one.name]))
        return node, free[node.name][0]

    # The load.

    def _spread_load(self):
        ready = sorted((pod for pod in self._pods.values() if pod.ready), key=lambda one: one.name)
        for index, pod in enumerate(ready):
            # Whole percents, whose sum is the load.
            share = (self._load + index) // len(ready)
            # A request stays where it is until it is done: they move by and by.
            step = 1 if self._engine_page else abs(share - pod.share)
            pod.share += max(-step, min(step, share - pod.share))
            keys = self._shown(min(100, pod.share))
            if keys.items() - pod.node.driver.gpus[pod.gpu].keys.items():
                pod.node.read(pod.gpu, **keys)
