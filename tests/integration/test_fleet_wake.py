# SPDX-License-Identifier: Apache-2.0
"""Waking from zero: what stands before a workload says whether it is wanted."""

import contextlib
import json
import statistics
import time

import grpc
import pytest
from fake_engine import ALLOW, FakeEngine
from fleet import Workload
from fleet_processes import Hub
from harness import free_port, wait_until
from private_hosts import PrivateHosts

# What is asked every 200 ms is asked so often well before one that is asked every 2 s.
ROUNDS = 12
_NOT_HEARD_YET = ("listed", "knows no", "none of its triggers", "Deadline")


def epp(waiting=0, passed=0):
    queue = f'llm_d_epp_flow_control_queue_size{{model_name="m"}} {waiting}\n' if waiting else ""
    return (f'{queue}llm_d_epp_flow_control_request_queue_duration_seconds_count'
            f'{{outcome="Dispatched"}} {passed}\n')


@pytest.fixture
def gateway():
    with FakeEngine(epp()) as one:
        yield one


def woken_by(engine, source="epp", **more):
    return {"wakeEndpoint": f"http://127.0.0.1:{engine.port}", "wakeSource": source, **more}


def deploy(api, metadata, replicas=0, push=False):
    """default/web, which is polled every second: what was seen counts for 30 s."""
    workload = Workload("default", "web", {"targetGpuUtilization": "80", **metadata})
    api.put("Deployment", "default", "web", spec={"replicas": replicas})
    api.put("ScaledObject", "default", "web", spec={"pollingInterval": 1, "triggers": [
        {"type": "external-push" if push else "external", "metadata": workload.metadata}]})
    return workload


def why(hub, workload):
    """Why it is active, or is not, as of the last second."""
    return hub.now(workload).get("active_why", "")


class Asked:
    """KEDA's question whether a workload is wanted, and what it is answered."""

    def __init__(self, hub, workload, at_zero=True):
        self._hub, self._workload = hub, workload
        self._asked, self._at_zero = hub.asked_for(workload), at_zero

    def answer(self):
        """True, False, or the text of the error. At zero the number is 0 whatever that is."""
        try:
            assert self._asked.value() == 0 or not self._at_zero
        except grpc.RpcError as error:
            # Only while the hub has just been started, or the trigger has just been changed; with
            # replicas also while a page is late.
            assert not self._at_zero or any(
                words in error.details() for words in _NOT_HEARD_YET), error
            return None
        try:
            return self._asked.is_active()
        except grpc.RpcError as error:
            return error.details()

    def wait(self, *answers):
        """Until it is one of these, or has these words."""
        def same():
            found = self.answer()
            return found in answers or (isinstance(found, str) and any(
                isinstance(one, str) and one in found for one in answers))
        try:
            wait_until(same)
        except AssertionError as error:
            raise AssertionError(f"{self.answer()} instead of {answers}: "
                                 + why(self._hub, self._workload)) from error

    def stream(self):
        return self._asked.open_stream()


def test_demand_wakes_and_its_end_lets_sleep(api, hub, gateway):
    asked = Asked(hub, workload := deploy(api, woken_by(gateway, wakeHoldSeconds="1")))
    asked.wait(False)
    gateway.page = epp(waiting=3)
    asked.wait(True)
    wait_until(lambda: f"http://127.0.0.1:{gateway.port}/metrics has demand" in
               why(hub, workload), "the reason")
    gateway.page = epp()
    asked.wait(False)


def test_a_request_that_came_and_went_wakes(api, hub, gateway):
    """No page shows it waiting."""
    asked = Asked(hub, deploy(api, woken_by(gateway)))
    asked.wait(False)
    gateway.page = epp(passed=1)
    count = gateway.asked()
    wait_until(lambda: gateway.asked() >= count + 3, "pages on which nothing moves any more")
    assert asked.answer() is True


@pytest.mark.parametrize("source, labels, idle, busy", [
    ("keda-http", "route_namespace=default,route_name=web",
     json.dumps({"default/web": {"Concurrency": 0, "RequestCount": 4},
                 "default/other": {"Concurrency": 9, "RequestCount": 4}}),
     json.dumps({"default/web": {"Concurrency": 1, "RequestCount": 4}})),
    ("envoy", "envoy_cluster_name=web",
     'envoy_cluster_upstream_cx_none_healthy{envoy_cluster_name="web"} 7\n',
     'envoy_cluster_upstream_cx_none_healthy{envoy_cluster_name="web"} 8\n'),
    ("dynamo", None, 'dynamo_frontend_inflight_requests{model="m"} 0\n',
     'dynamo_frontend_inflight_requests{model="m"} 1\n')])
def test_every_source_wakes(api, hub, gateway, source, labels, idle, busy):
    if source == "keda-http":
        gateway.content_type = "application/json"
    gateway.page = idle
    labels = {"wakeSeriesLabels": labels} if labels else {}
    asked = Asked(hub, deploy(api, woken_by(gateway, source, **labels)))
    asked.wait(False)
    gateway.page = busy
    asked.wait(True)


@pytest.mark.parametrize("kind, idle, busy", [("gauge", 0, 2), ("counter", 40, 41)])
def test_a_series_of_ones_own_wakes(api, hub, gateway, kind, idle, busy):
    gateway.page = f'router_jobs{{pool="a"}} {idle}\nrouter_jobs{{pool="b"}} 99\n'
    asked = Asked(hub, deploy(api, woken_by(
        gateway, "prometheus", wakeSeriesName="router_jobs", wakeSeriesLabels="pool=a",
        wakeSeriesKind=kind)))
    asked.wait(False)
    gateway.page = f'router_jobs{{pool="a"}} {busy}\n'
    asked.wait(True)


def test_absent_none_and_unreadable_are_three_things(api, hub, gateway):
    gateway.page = "router_other 1\n"
    series = {"wakeSeriesName": "router_jobs"}
    asked = Asked(hub, deploy(api, woken_by(gateway, "prometheus", **series)))
    asked.wait("router_jobs")
    asked = Asked(hub, deploy(api, woken_by(gateway, "prometheus", wakeAbsent="inactive", **series)))
    asked.wait(False)
    gateway.status = 503
    asked.wait("503")
    gateway.status = 200
    gateway.hangs = True
    asked.wait("1s")
    gateway.hangs = False
    asked.wait(False)


def test_where_nothing_listens_is_an_error_of_the_activity_alone(api, hub):
    with FakeEngine(epp()) as gone:
        pass
    workload = deploy(api, woken_by(gone))
    Asked(hub, workload).wait("refused")
    wait_until(lambda: "whether it is wanted is not known" in why(hub, workload), "the reason")
    now = hub.now(workload)
    assert now["value"] == 0 and "active" not in now


def test_every_address_is_asked_and_demand_at_one_is_demand(api, kubeconfig, tmp_path):
    addresses = ["127.0.0.31", "127.0.0.32"]
    port = free_port(addresses)
    hosts = PrivateHosts(tmp_path / "hosts", "gateway.test", addresses)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(FakeEngine(epp(), address=addresses[0], port=port))
        second = stack.enter_context(contextlib.ExitStack())
        second.enter_context(FakeEngine(epp(), address=addresses[1], port=port))
        hub = stack.enter_context(Hub(kubeconfig, *ALLOW, prefix=hosts.command()))
        asked = Asked(hub, deploy(api, {"wakeEndpoint": f"http://gateway.test:{port}",
                                        "wakeSource": "epp", "wakeHoldSeconds": "1"}))
        asked.wait(False)
        second.close()
        asked.wait(addresses[1])
        first.page = epp(waiting=1)
        asked.wait(True)
        first.page = epp()
        asked.wait(addresses[1])


def test_it_is_asked_often_at_zero_alone(api, hub, gateway):
    deploy(api, woken_by(gateway))

    def rounds(count):
        before, began = gateway.asked(), time.monotonic()
        wait_until(lambda: gateway.asked() >= before + count, f"{count} pages")
        return time.monotonic() - began

    rounds(1)
    fast = rounds(ROUNDS) / ROUNDS
    api.put("Deployment", "default", "web", spec={"replicas": 1})

    def slow():
        pace = rounds(4) / 4
        return pace if pace >= 1.8 else None
    # The hub's next look at the trigger changes the pace.
    assert fast < wait_until(slow, "another pace") / 2


def test_with_replicas_demand_keeps_them(api, hub, gateway):
    """All is idle but for the gateway: they stay."""
    with FakeEngine("vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n") as engine:
        gateway.page = epp(waiting=1)
        workload = Workload("default", "web", {
            **woken_by(gateway, wakeHoldSeconds="1"), "metricType": "vllm_demand",
            "targetValue": "5", "engineEndpoint": f"http://127.0.0.1:{engine.port}"})
        api.put("Deployment", "default", "web", spec={"replicas": 1})
        api.set_pod("default", "web-0", node="node-x", labels={"app": "web"})
        api.put("ScaledObject", "default", "web", spec={"pollingInterval": 1, "triggers": [
            {"type": "external", "metadata": workload.metadata}]})
        asked = Asked(hub, workload, at_zero=False)
        asked.wait(True)

        # The endpoint's own idleness lasts longer than the window by then.
        wait_until(lambda: "has demand" in why(hub, workload), "the gateway's word alone", timeout=90)
        gateway.page = epp()
        asked.wait(False)


def test_push_is_told_at_once(api, hub, gateway, record_property):
    asked = Asked(hub, deploy(api, woken_by(gateway, wakeHoldSeconds="1"), push=True))
    asked.wait(False)
    stream = asked.stream()
    wait_until(lambda: stream.results() == [False], "the state")
    times = []
    for edge in range(5):
        seen = len(stream.results())
        began = time.monotonic()
        gateway.page = epp(waiting=1)
        wait_until(lambda: True in stream.results()[seen:], "demand")
        times.append(time.monotonic() - began)
        seen = len(stream.results())
        gateway.page = epp()
        wait_until(lambda: False in stream.results()[seen:], f"the end of demand {edge}")
    record_property("median_s", statistics.median(times))
    # 200 ms to the next page at most, 100 ms to the stream, and a machine that does much else.
    assert statistics.median(times) < 1
    # A stream that is opened meanwhile says so at once.
    gateway.page = epp(waiting=1)
    asked.wait(True)
    late = asked.stream()
    wait_until(lambda: late.results() == [True], "the state")
