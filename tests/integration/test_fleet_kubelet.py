# SPDX-License-Identifier: Apache-2.0
"""Kubelets that go, hang, restart or answer too briefly: what is right stays."""

import pytest
from harness import wait_until
from truth import METER, Meter, Watch

LEVEL = {"metricType": "gpu_utilization", "targetValue": 80}


@pytest.fixture(scope="module")
def metered(fleet):
    workload = fleet.deploy("metered", METER, replicas=1)
    fleet.place(workload, "metered-0", "node-a", 3)
    fleet.wait_right(workload)
    return workload


@pytest.fixture(scope="module")
def restless(fleet):
    """Of no replicas. Hubs have a node list its pods again for each pod that is not listed."""
    return fleet.deploy("restless", LEVEL, replicas=0)


@pytest.fixture
def node(fleet, metered, restless):
    """node-a, whose kubelet is asked often, and answers again at the end; answers about its pods
    never stopped."""
    node = fleet.nodes["node-a"]
    fleet.api.set_pod("default", "restless-0", node="node-a", labels={"app": restless.name})
    with Meter(node, 3) as meter, Watch(fleet.hubs[0], metered, meter) as watch:
        wait_until(watch.count, "an answer")
        before = watch.count(refused=True)
        yield node
        node.kubelet.start()
        node.kubelet.resume()
        wait_up(node, 1)
        assert watch.count(refused=True) == before
    watch.assert_none_old()
    fleet.wait_right(fleet.web)
    fleet.api.delete("Pod", "default", "restless-0")


def wait_up(node, expected):
    wait_until(lambda: node.agent.gauge("kubelet_up") == expected, f"kubelet_up {expected}")


def add_pod(fleet, name, node, gpu):
    workload = fleet.deploy(name, LEVEL, replicas=1)
    fleet.place(workload, f"{name}-0", node.name, gpu)
    return workload


def wait_listings(node, count):
    calls = node.kubelet.calls
    wait_until(lambda: node.kubelet.calls >= calls + count, "listings")


def wait_reports(node, count):
    """Waits until its agent has sent so many more to each hub."""
    sent = node.agent.gauge("reports_sent_total")
    wait_until(lambda: node.agent.gauge("reports_sent_total") >= sent + 2 * count, "reports")


def test_the_socket_goes_and_comes_back(fleet, node):
    node.kubelet.stop()
    wait_up(node, 0)
    row = fleet.hubs[0].debug("nodes")["node-a"]
    wait_until(lambda: str(node.kubelet.socket) in fleet.hubs[0].debug("nodes")["node-a"].get(
        "listing_problem", ""), "the problem")
    assert row["pods_listed"]
    # What starts meanwhile is not guessed at.
    late = add_pod(fleet, "late", node, 1)
    for hub in fleet.hubs:
        hub.asked_for(late).wait_unavailable("default/late-0")
    node.kubelet.start()
    fleet.wait_right(late)
    fleet.wait_values(late, 11)


def test_it_hangs(fleet, node):
    node.kubelet.hang()
    wait_listings(node, 1)
    wait_up(node, 0)
    node.kubelet.resume()
    hung = add_pod(fleet, "hung", node, 1)
    fleet.wait_right(hung)


def test_it_refuses_for_the_rate(fleet, node):
    node.kubelet.fail_for_rate()
    failures = node.agent.gauge("pod_listing_failures_total")
    wait_until(lambda: node.agent.gauge("pod_listing_failures_total") > failures, "a failure")
    wait_reports(node, 2)
    assert fleet.hubs[0].devices(fleet.web) == fleet.web.pods
    node.kubelet.resume()
    rated = add_pod(fleet, "rated", node, 1)
    fleet.wait_right(rated)


@pytest.mark.parametrize("short", [
    {}, {("default", "web-0"): {}, ("default", "metered-0"): {}}], ids=["empty", "without ids"])
def test_it_restarts_and_has_not_read_everything_back(fleet, node, short):
    """One answer that is short changes nothing."""
    node.kubelet.stop()
    wait_up(node, 0)
    node.kubelet.answer_once(short)
    calls = node.kubelet.calls
    node.kubelet.start()
    # The second is made once the first answer has been taken.
    wait_until(lambda: node.kubelet.calls >= calls + 2, "the second call")
    wait_reports(node, 2)
    for hub in fleet.hubs:
        assert hub.devices(fleet.web) == fleet.web.pods
    node.kubelet.resume()
    wait_up(node, 1)
    wait_reports(node, 2)
    for hub in fleet.hubs:
        assert hub.devices(fleet.web) == fleet.web.pods


def test_a_pod_that_is_listed_no_more(fleet, node):
    """Two answers agree that it holds nothing."""
    leaving = add_pod(fleet, "leaving", node, 2)
    fleet.wait_right(leaving)
    node.allot("default", "leaving-0", None)
    for hub in fleet.hubs:
        hub.asked_for(leaving).wait_unavailable("default/leaving-0")
        wait_until(lambda hub=hub: hub.devices(leaving) == {"leaving-0": "no_device"})


def test_an_answer_of_many_megabytes(fleet, node):
    """The limit of a common client is 4 MiB."""
    many = {("crowd", f"pod-{number}"): {"example.com/fuse": [
        f"fuse-{index:08}-0000-0000-0000-000000000000" for index in range(1200)]}
        for number in range(100)}
    small = node.kubelet.pods
    node.kubelet.pods = {**small, **many}
    wait_until(lambda: node.agent.gauge("pods_with_devices") == len(small) + len(many),
               "the whole answer")
    large = add_pod(fleet, "large", node, 2)
    fleet.wait_right(large)
    assert node.agent.gauge("kubelet_up") == 1
    node.kubelet.pods = {name: held for name, held in node.kubelet.pods.items()
                         if name[0] != "crowd"}


def test_an_agent_that_starts_before_its_kubelet(fleet):
    node = fleet.nodes["node-b"]
    node.kubelet.stop()
    fleet.kill(node.agent)
    fleet.start_agent("node-b")
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: hub.devices(fleet.web)["web-1"] == "no_listing", "no listing")
        hub.asked_for(fleet.web).wait_unavailable("default/web-1")
        assert hub.gauge("workload_pods", devices="no_listing") == 1
    node.kubelet.start()
    fleet.wait_right(fleet.web)
    fleet.wait_values(fleet.web, 60)
