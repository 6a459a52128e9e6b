# SPDX-License-Identifier: Apache-2.0
"""Push triggers on engines of pods: what crosses a threshold is told at once."""

import contextlib
import statistics
import threading
import time

import pytest
from fake_engine import ALLOW, FakeEngine
from fleet import STRICT, Workload, new_node
from fleet_processes import Hub, agent
from harness import wait_until
from kube_api import new_kube_api

EDGES = 20
THRESHOLD = 5


class QueueEngine(FakeEngine):
    """Shows a queue, and knows when it was first seen as long as it is."""

    def __init__(self):
        super().__init__(self._page)
        self._queue_lock = threading.Lock()
        self.set_queue(1)

    def set_queue(self, length):
        with self._queue_lock:
            self._queue, self.set_at, self.seen_at = length, time.monotonic(), None

    def _page(self):
        with self._queue_lock:
            self.seen_at = self.seen_at or time.monotonic()
            return f"my_queue {self._queue}\n"


class Pushed:
    """A workload of one pod, active while the queue of its engine is above the threshold."""

    def __init__(self, number, engine):
        self.engine = engine
        self.workload = Workload("default", f"push-{number}", {
            "metricType": "prometheus", "seriesName": "my_queue", "enginePort": str(engine.port),
            "engineScrapeInterval": "200ms", "targetValue": "16",
            "activationThreshold": str(THRESHOLD), **STRICT})
        self.stream = None

    def deploy(self, api, node):
        name = self.workload.name
        api.put("Deployment", "default", name, spec={"replicas": 1})
        api.put("ScaledObject", "default", name, spec={
            "scaleTargetRef": {"name": name}, "pollingInterval": 1, "triggers": [
                {"type": "external-push", "metadata": self.workload.metadata}]})
        api.set_pod("default", f"{name}-0", node=node, labels={"app": name},
                    status={"podIP": "127.0.0.1"})

    def open_stream(self, hub):
        self.stream = hub.asked_for(self.workload).open_stream()

    def last(self):
        return (self.stream.results() or [None])[-1]


class Running:
    """One agent, one hub and the workloads."""

    def __init__(self, agent_process, hub, pushed):
        self.agent, self.hub, self.pushed = agent_process, hub, pushed

    def early(self):
        return self.agent.gauge("reports_sent_early_total")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pushes")
    node = new_node("node-a", folder / "node-a")
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(new_kube_api())
        pushed = [Pushed(i, stack.enter_context(QueueEngine())) for i in range(EDGES)]
        hub = stack.enter_context(Hub(api.kubeconfig(folder / "config")))
        stack.enter_context(node.kubelet)
        process = stack.enter_context(agent(node, f"127.0.0.1:{hub.agent_port}",
                                            *ALLOW))
        for one in pushed:
            one.deploy(api, node.name)
        for one in pushed:
            hub.asked_for(one.workload).wait_value(1)
        yield Running(process, hub, pushed)


def test_changes_on_one_side_of_the_threshold_can_wait(running):
    one = running.pushed[0]
    before = running.early()
    for length in (4, 0, THRESHOLD, 1):
        one.engine.set_queue(length)
        running.hub.asked_for(one.workload).wait_value(length)
    assert running.early() == before


def test_a_crossing_is_told_before_the_next_report_is_due(running):
    for one in running.pushed:
        one.open_stream(running.hub)
    # Half a minute, in which they must be known to be idle.
    wait_until(lambda: all(one.last() is False for one in running.pushed), "all idle")
    before = running.early()
    after_change, after_scrape = [], []
    for one in running.pushed:
        one.engine.set_queue(THRESHOLD + 1)
        wait_until(lambda one=one: one.last() is True, "active")
        after_change.append(one.stream.last_at - one.engine.set_at)
        after_scrape.append(one.stream.last_at - one.engine.seen_at)
    for name, waits in (("change", after_change), ("scrape", after_scrape)):
        print(f"from the {name} to the stream, ms: median {1000 * statistics.median(waits):.0f}, "
              f"all {[round(1000 * wait) for wait in sorted(waits)]}")
    # Some fall together with a report that is due anyway.
    assert running.early() - before >= EDGES / 2
    for one in running.pushed:
        one.stream.call.cancel()
