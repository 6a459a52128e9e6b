# SPDX-License-Identifier: Apache-2.0
"""An API server that is away, silent, forgetful or refuses: hubs answer rightly or say why not."""

import pytest
from fleet import NODES
from fleet_processes import Hub
from harness import SERVICE, wait_until
from kube_api import REAL
from kube_credentials import TOKENS, write_kubeconfig

LEVEL = {"metricType": "gpu_utilization", "targetValue": 80}
only_fake = pytest.mark.skipif(REAL, reason="what no real server does on request")


@pytest.fixture(scope="module")
def moving(fleet):
    """A workload of one pod, moving-N on the Nth node's second GPU."""
    workload = fleet.deploy("moving", LEVEL, replicas=1)
    fleet.place(workload, "moving-0", "node-a", 1)
    fleet.wait_right(workload)
    workload.place = 0
    return workload


def move(fleet, workload):
    """The pod gives way to one on the next node: hubs must have heard of both."""
    fleet.remove(workload, f"moving-{workload.place}")
    workload.place = (workload.place + 1) % len(NODES)
    fleet.place(workload, f"moving-{workload.place}", NODES[workload.place], 1)


def assert_right(fleet, workload):
    fleet.wait_right(workload)
    fleet.wait_right(fleet.web)
    fleet.wait_values(workload, 10 * (workload.place + 1) + 1)


def test_it_goes_and_comes_back(fleet, moving):
    """Meanwhile what is known holds on, and readings are as fresh as ever."""
    node = fleet.nodes["node-b"]
    fleet.api.down()
    node.read(0, gpu_util=25)
    fleet.wait_values(fleet.web, 10 + 25 + 30)
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: 0 in hub.series("watch_up"), "no watch")
        assert hub.devices(fleet.web) == fleet.web.pods
    fleet.api.up()
    node.read(0, gpu_util=20)
    move(fleet, moving)
    assert_right(fleet, moving)
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: set(hub.series("watch_up")) == {1}, "all watches")


@only_fake
def test_what_is_missed_while_it_is_away_is_caught_up_with(fleet, moving):
    fleet.api.down()
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: 1 not in hub.series("watch_up"), "no watch")
    move(fleet, moving)
    gone = fleet.deploy("gone-while-away", LEVEL, known=False)
    fleet.api.compact()
    fleet.api.up()
    assert_right(fleet, moving)
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: hub.devices(gone) == {}, "the object")


def test_it_falls_silent(fleet, moving):
    """After 30 s nobody knows any more which pods there are: an error, not a guess."""
    fleet.api.stall()
    try:
        node = fleet.nodes["node-b"]
        node.read(0, gpu_util=26)
        fleet.wait_values(fleet.web, 10 + 26 + 30)
        for hub in fleet.hubs:
            hub.asked_for(fleet.web).wait_unavailable("API server", "30s")
            assert hub.gauge("kubernetes_up") == 0
            assert max(hub.series("watch_age_seconds")) > 29
            wait_until(lambda hub=hub: not hub.serving(SERVICE), "not serving")
    finally:
        fleet.api.resume()
        node.read(0, gpu_util=20)
    move(fleet, moving)
    assert_right(fleet, moving)
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: hub.serving(SERVICE), "serving")
        assert hub.gauge("kubernetes_up") == 1


@only_fake
@pytest.mark.parametrize("trouble", ["drop_watches", "end_watches", "expire_watches"])
def test_watches_that_end(fleet, moving, trouble):
    """In the middle of an event, well, or with 410."""
    for _ in range(2):
        lists = [sum(hub.series("watch_lists_total")) for hub in fleet.hubs]
        getattr(fleet.api, trouble)()
        move(fleet, moving)
        assert_right(fleet, moving)
        if trouble == "expire_watches":
            for hub, before in zip(fleet.hubs, lists):
                assert sum(hub.series("watch_lists_total")) > before


@only_fake
def test_a_watch_that_begins_too_late(fleet, moving):
    """410 as the status of the answer."""
    fleet.api.expired_watch_status = 410
    fleet.api.end_watches()
    fleet.api.advance()
    fleet.api.compact()
    move(fleet, moving)
    assert_right(fleet, moving)
    fleet.api.expired_watch_status = 200


@only_fake
@pytest.mark.parametrize("status", [429, 503])
def test_answers_of_an_overloaded_server(fleet, moving, status):
    fleet.api.fail_next(status, count=4, retry_after=1 if status == 429 else None)
    fleet.api.drop_watches()
    move(fleet, moving)
    assert_right(fleet, moving)


@only_fake
def test_a_right_that_is_taken_away(fleet, moving):
    """What was known holds on for a while, and the log says what is missing."""
    fleet.api.forbid("pods")
    fleet.api.expire_watches()
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: any("403" in line["problem"] and "pods" in line["problem"]
                                       for line in hub.logged("watch failed")), "the log")
        assert 0 in hub.series("watch_up")
        assert hub.devices(moving) == moving.pods
    fleet.api.forbid()
    move(fleet, moving)
    assert_right(fleet, moving)


@pytest.mark.parametrize("token, words", [
    ("not-a-token", ("401",)), (TOKENS["nobody"], ("403", "scaledobjects"))])
def test_a_hub_that_may_not_read(fleet, token, words):
    """It starts, is not ready, and says why: in its log, on its page, to KEDA."""
    kubeconfig = write_kubeconfig(fleet.folder / "refused", fleet.api.server,
                                  fleet.api.authority.certificate, {"token": token})
    with Hub(kubeconfig) as hub:
        hub.asked_for(fleet.web).wait_unavailable(*words)
        status, ready = hub.probe("/readyz")
        assert status == 503
        assert all(word in str(ready) for word in words)
        assert hub.gauge("kubernetes_up") == 0
        assert token not in "".join(hub.lines)


@only_fake
def test_a_token_that_is_renewed(fleet):
    """The file is read again: no restart, no gap."""
    kubeconfig = fleet.api.kubeconfig(fleet.folder / "by-file", user="token-file")
    with Hub(kubeconfig) as hub:
        wait_until(lambda: hub.probe("/readyz")[0] == 200, "ready")
        fleet.api.rotate_token()
        fleet.api.kubeconfig(fleet.folder / "by-file", user="token-file")
        fleet.api.drop_watches()
        added = fleet.scale("after-the-rotation", LEVEL, target_name="web")
        wait_until(lambda: hub.devices(added), "the new object")
        assert hub.gauge("kubernetes_up") == 1


@only_fake
def test_a_cluster_without_resource_claims(fleet):
    """An API server that does not serve them is no problem."""
    fleet.api.remove_group("resource.k8s.io")
    with Hub(fleet.kubeconfig) as hub:
        wait_until(lambda: hub.probe("/readyz")[0] == 200, "ready")
        assert hub.gauge("kubernetes_up") == 1
        wait_until(lambda: set(hub.devices(fleet.web) or ()) == set(fleet.web.pods), "web")
    fleet.api.restore_group("resource.k8s.io")
