# SPDX-License-Identifier: Apache-2.0
"""How long a workload without replicas waits for its first, from the demand in a gateway to the
Deployment's spec.replicas, by push and by KEDA's polling."""

import os
import random
import statistics
import threading
import time

from conftest import FOLDER
from fake_engine import FakeEngine
from harness import wait_until
from kube_kinds import KINDS
from scenario import PATIENCE_S, Scenario

# The goal is set for 20; a few show that it works.
WAKES = int(os.environ.get("KGS_TEST_E2E_WAKES", "3"))
POLLING_S = 30
_PORT = 9090
# Fleets of other numbers are scenarios.
_NUMBER = 90


class Queues:
    """A gateway that holds requests of several models, and when the first replica of each came."""

    def __init__(self, web):
        self.web = web
        self.address = f"127.{100 + _NUMBER}.255.1"
        self.waiting = {}
        self._woken = {}

    def page(self):
        return "".join(f'llm_d_epp_flow_control_queue_size{{model_name="{name}"}} {waiting}\n'
                       for name, waiting in dict(self.waiting).items()) or (
            "llm_d_epp_flow_control_pool_saturation 0\n")

    def deploy(self, name, push):
        stack, namespace = self.web.stack, self.web.namespace
        stack.put("Deployment", namespace, name, spec={"replicas": 0})
        stack.deployments.listen(namespace, name, lambda found: self._on_change(name, found))
        kind = KINDS["Deployment"]
        stack.put("ScaledObject", namespace, name, spec={
            "scaleTargetRef": {"apiVersion": kind.api_version, "kind": kind.name, "name": name},
            "minReplicaCount": 0, "maxReplicaCount": 1, "pollingInterval": POLLING_S,
            "triggers": [self.web.trigger(
                push=push, metricType="epp_queue_size", targetValue=1,
                seriesLabels=f"model_name={name}", engineEndpoint=f"http://{self.address}:{_PORT}", wakeSource="epp",
                wakeEndpoint=f"http://{self.address}:{_PORT}",
                wakeSeriesLabels=f"model_name={name}")]})

    def knows(self, name):
        """Whether KEDA has had a first answer, and so goes on to poll and to listen."""
        found = self.web.stack.scaledobjects.get(self.web.namespace, name)
        return self.web.is_answered_inactive(found)

    def _on_change(self, name, found):
        if found and found["spec"]["replicas"]:
            self._woken.setdefault(name, time.monotonic())

    def wake(self, name):
        """Demand comes; returns the seconds until there is a replica."""
        began = time.monotonic()
        self.waiting[name] = 1
        wait_until(lambda: name in self._woken, f"a replica of {name}", PATIENCE_S)
        # Its GPU is for the next.
        self.web.stack.delete("ScaledObject", self.web.namespace, name)
        self.web.stack.delete("Deployment", self.web.namespace, name)
        return self._woken[name] - began


def _measure(queues, push):
    names = [f"{'push' if push else 'poll'}-{number}" for number in range(WAKES)]
    for name in names:
        queues.deploy(name, push)
    wait_until(lambda: all(queues.knows(name) for name in names), "first answers", PATIENCE_S)
    times = []
    if push:
        # One after the other, so that none waits for another.
        times = [queues.wake(name) for name in names]
    else:
        # Whenever it pleases the users: the moment within KEDA's interval is what is measured.
        def come(name):
            time.sleep(random.uniform(0, POLLING_S))
            times.append(queues.wake(name))
        threads = [threading.Thread(target=come, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return times


def test_wake_times(stack, record_lines):
    over = threading.Event()
    with Scenario(stack, "wake_times", _NUMBER, FOLDER / "wake_times", over) as web:
        queues = Queues(web)
        with FakeEngine(queues.page, address=queues.address, port=_PORT):
            rows = {"push": _measure(queues, True)}
            if WAKES >= 20:
                rows["polling"] = _measure(queues, False)
    record_lines("\n".join(
        f"{how}: median {statistics.median(times):.3f} s, least {min(times):.3f} s, most "
        f"{max(times):.3f} s of {len(times)}" for how, times in rows.items()))
    # The goal is for 20; a few stand for less on a machine that does much else besides.
    assert statistics.median(rows["push"]) < (0.5 if WAKES >= 20 else 2)
