# SPDX-License-Identifier: Apache-2.0
"""Agents and hubs that die, stand still, come and go. Every test ends with all well again."""

import time

import pytest
from fleet import HUB_ADDRESSES, NODES
from harness import wait_until
from truth import METER, Meter, Watch

# Reports that a process which stands still misses: more than its readings may be old.
MISSED = 10


@pytest.fixture(scope="module")
def metered(fleet):
    """A workload on one GPU of node-a whose value tells its own age."""
    workload = fleet.deploy("metered", METER, replicas=1)
    fleet.place(workload, "metered-0", "node-a", 3)
    fleet.wait_right(workload)
    return workload


@pytest.fixture(autouse=True)
def all_well(fleet, metered):
    yield
    fleet.wait_right(fleet.web)
    fleet.wait_right(metered)
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: hub.gauge("agents_connected") == len(NODES))
    fleet.wait_values(fleet.web, 10 + 20 + 30)


def test_an_agent_is_killed_and_comes_back(fleet):
    node = fleet.nodes["node-b"]
    fleet.kill(node.agent)
    for hub in fleet.hubs:
        hub.asked_for(fleet.web).wait_unavailable("default/web-1")
        wait_until(lambda hub=hub: hub.gauge("agents_connected") == 2, "an agent less")
        assert not hub.debug("nodes")["node-b"]["connected"]
    node.read(0, gpu_util=77)
    fleet.start_agent("node-b")
    fleet.wait_values(fleet.web, 10 + 77 + 30)
    node.read(0, gpu_util=20)


def test_a_hub_is_killed_and_comes_back(fleet):
    hub = fleet.hubs[0]
    fleet.kill(hub)
    for node in fleet.nodes.values():
        wait_until(lambda node=node: node.agent.gauge("hubs_connected") == 1, "a hub less")
    assert fleet.hubs[1].asked_for(fleet.web).value() == 60
    fleet.start_hub(0)
    fleet.wait_right(fleet.web)
    for node in fleet.nodes.values():
        wait_until(lambda node=node: node.agent.gauge("hubs_connected") == 2, "both hubs")
        assert node.agent.gauge("hub_stream_failures_total") >= 1


def test_a_hub_stops_in_good_order_under_a_load(fleet, metered):
    """Its agents do not hold it up, and what they have for it is lost, not late."""
    node = fleet.nodes["node-a"]
    with Meter(node, 3) as meter:
        hub = fleet.hubs[1]
        assert hub.stop() == 0
        with Watch(fleet.hubs[0], metered, meter) as watch:
            wait_until(lambda: watch.count() > 50, "answers of the other hub")
        fleet.kill(hub)
        fleet.start_hub(1)
        with Watch(fleet.hubs[1], metered, meter) as again:
            wait_until(lambda: again.count() > 50, "answers")
    for one in (watch, again):
        one.assert_none_old()


def test_an_agent_stands_still(fleet, metered):
    """First its readings are too old, then its silence is known for what it is."""
    node = fleet.nodes["node-a"]
    with Meter(node, 3) as meter, Watch(fleet.hubs[0], metered, meter) as watch:
        wait_until(watch.count, "an answer")
        node.agent.pause()
        for hub in fleet.hubs:
            hub.asked_for(metered).wait_unavailable("default/metered-0")
            hub.asked_for(fleet.web).wait_unavailable("default/web-0")
        for hub in fleet.hubs:
            wait_until(lambda hub=hub: hub.devices(metered) == {"metered-0": "agent_silent"})
            assert hub.gauge("workload_pods", devices="agent_silent") >= 2
            # Its stream has been given up, since it does not answer the hub's pings.
            wait_until(lambda hub=hub: hub.gauge("agents_connected") == 2, "the stream's end")
        resumed = time.monotonic()
        node.agent.resume()
        wait_until(lambda: watch.count(since=resumed) > 50, "answers")
    watch.assert_none_old()


def test_a_hub_stands_still(fleet, metered):
    """What its agents sent meanwhile is not news when it goes on."""
    node = fleet.nodes["node-a"]
    hub = fleet.hubs[0]
    with Meter(node, 3) as meter, \
            Watch(hub, metered, meter) as watch, \
            Watch(fleet.hubs[1], metered, meter) as other:
        wait_until(lambda: watch.count() and other.count(), "answers")
        paused = time.monotonic()
        hub.pause()
        sent = node.agent.gauge("reports_sent_total")
        # To both hubs.
        wait_until(lambda: node.agent.gauge("reports_sent_total") >= sent + 2 * MISSED)
        resumed = time.monotonic()
        hub.resume()
        wait_until(lambda: watch.count(since=resumed) > 50, "answers")
        assert other.count(since=paused) > 50
        assert other.count(since=paused, refused=True) == 0
    watch.assert_none_old()
    other.assert_none_old()


def test_all_agents_stand_still_for_a_moment(fleet):
    """Shorter than readings may be old: nothing is refused, nothing is forgotten."""
    for node in fleet.nodes.values():
        node.agent.pause()
    fleet.nodes["node-c"].read(0, gpu_util=31)
    for node in fleet.nodes.values():
        node.agent.resume()
    fleet.wait_values(fleet.web, 10 + 20 + 31)
    fleet.nodes["node-c"].read(0, gpu_util=30)


def test_a_replica_vanishes_from_the_name_and_returns(fleet):
    """The agents follow what DNS says; a hub that nobody names any more is left."""
    fleet.hosts.set(fleet.agent_addresses[:1])
    for node in fleet.nodes.values():
        wait_until(lambda node=node: node.agent.gauge("hubs") == 1, "one hub")
        wait_until(lambda node=node: node.agent.gauge("hubs_connected") == 1, "one hub connected")
    wait_until(lambda: fleet.hubs[1].gauge("agents_connected") == 0, "no agent left")
    fleet.hubs[1].asked_for(fleet.web).wait_unavailable("default/web-")
    assert fleet.hubs[0].asked_for(fleet.web).value() == 60
    fleet.hosts.set(fleet.agent_addresses)
    for node in fleet.nodes.values():
        wait_until(lambda node=node: node.agent.gauge("hubs_connected") == 2, "both hubs")


def test_a_name_that_cannot_be_resolved_for_a_while(fleet):
    """The hubs that were known stay connected."""
    resolved = [node.agent.gauge("hubs_connected") for node in fleet.nodes.values()]
    assert resolved == [2, 2, 2]
    fleet.hosts.set([])
    agent = fleet.nodes["node-a"].agent
    wait_until(lambda: agent.logged("the hubs' name cannot be resolved")
               or any("resol" in line["message"] for line in agent.log()), "a word of it")
    assert agent.gauge("hubs_connected") == 2
    assert fleet.hubs[0].asked_for(fleet.web).value() == 60
    fleet.hosts.set(fleet.agent_addresses)


def test_a_node_that_is_renewed_under_its_name(fleet):
    """Two agents of one node: the later one counts, and the other leaves it at that."""
    node = fleet.nodes["node-c"]
    old = node.agent
    new = fleet.start_agent("node-c")
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: hub.gauge("agents_connected") == 3)
    wait_until(lambda: new.gauge("hubs_connected") == len(HUB_ADDRESSES), "the new one")
    fleet.kill(old)
    fleet.wait_right(fleet.web)
