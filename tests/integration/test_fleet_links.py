# SPDX-License-Identifier: Apache-2.0
"""Links between agents and hubs that stall, crawl or are cut: nothing that waited is served."""

import contextlib
import time

import pytest
from fleet import Fleet
from harness import wait_until
from stalling_proxy import StallingProxy
from truth import METER, Meter, Watch
from virtual_link import VirtualLink, why_not

# Agents reach the hub at an address by way of this one.
PROXIES = {"127.0.0.1": "127.0.0.11", "127.0.0.2": "127.0.0.12"}
MANY = 50


@pytest.fixture(scope="module")
def fleet(private_names):
    """A fleet whose agents reach the hubs by `fleet.proxies`."""
    fleet = Fleet(agent_address=PROXIES.get)
    with contextlib.ExitStack() as stack:
        fleet.proxies = [
            stack.enter_context(StallingProxy(proxy, hub, fleet.agent_port))
            for hub, proxy in PROXIES.items()]
        yield stack.enter_context(fleet)


@pytest.fixture(scope="module")
def metered(fleet):
    workload = fleet.deploy("metered", METER, replicas=1)
    fleet.place(workload, "metered-0", "node-a", 3)
    fleet.wait_right(workload)
    return workload


@pytest.fixture
def watches(fleet, metered):
    """Watches of both hubs, by whose answers none was too old; at the end all is well."""
    with contextlib.ExitStack() as stack:
        meter = stack.enter_context(Meter(fleet.nodes["node-a"], 3))
        watches = [stack.enter_context(Watch(hub, metered, meter)) for hub in fleet.hubs]
        wait_until(lambda: all(watch.count() for watch in watches), "answers")
        yield watches
    fleet.wait_right(fleet.web)
    fleet.wait_values(fleet.web, 60)
    for watch in watches:
        watch.assert_none_old()


def wait_reports(fleet, count):
    """Waits until the agent of node-a has sent so many more to each hub."""
    agent = fleet.nodes["node-a"].agent
    sent = agent.gauge("reports_sent_total")
    wait_until(lambda: agent.gauge("reports_sent_total") >= sent + 2 * count, "reports")


def wait_answers(watch):
    begun = time.monotonic()
    wait_until(lambda: watch.count(since=begun) > MANY, "answers again")


@pytest.mark.parametrize("slowly", [False, True], ids=["at once", "slowly"])
def test_a_stalled_link(fleet, metered, watches, slowly):
    """What waited is recognised as old when it comes, all of it together or bit by bit."""
    begun = time.monotonic()
    fleet.proxies[0].stall()
    fleet.hubs[0].asked_for(metered).wait_unavailable("default/metered-0")
    wait_reports(fleet, 3)
    wait_until(lambda: fleet.proxies[0].waiting > 0, "something that waits")
    fleet.proxies[0].resume(slowly)
    wait_answers(watches[0])
    fleet.proxies[0].resume()
    assert watches[1].count(since=begun, refused=True) == 0


def test_a_stall_that_is_noticed(fleet, metered, watches):
    """An agent that hears nothing more gives the connection up, and opens another."""
    fleet.proxies[0].stall()
    agent = fleet.nodes["node-a"].agent
    wait_until(lambda: agent.gauge("hubs_connected") == 1, "a hub less")
    fleet.hubs[0].asked_for(metered).wait_unavailable("default/metered-0")
    fleet.proxies[0].resume()
    wait_answers(watches[0])
    assert agent.gauge("hubs_connected") == 2


def test_a_connection_that_begins_in_a_stall(fleet, metered, watches):
    """The first report is not stamped before there is a way for it."""
    fleet.proxies[0].stall()
    fleet.proxies[0].cut()
    fleet.hubs[0].asked_for(metered).wait_unavailable("default/metered-0")
    wait_until(lambda: fleet.proxies[0].waiting > 0, "a connection anew")
    fleet.proxies[0].resume(slowly=True)
    wait_answers(watches[0])
    fleet.proxies[0].resume()


def test_connections_that_are_cut(fleet, watches):
    """The agent comes back at once, again and again."""
    agent = fleet.nodes["node-a"].agent
    for _ in range(3):
        failures = agent.gauge("hub_stream_failures_total")
        for proxy in fleet.proxies:
            proxy.cut()
        wait_until(lambda failures=failures: agent.gauge(
            "hub_stream_failures_total") >= failures + 2, "both cut")
        for watch in watches:
            wait_answers(watch)
        for node in fleet.nodes.values():
            wait_until(lambda node=node: node.agent.gauge("hubs_connected") == 2, "both hubs")


def test_a_link_that_goes_down():
    """A cable that is pulled: no end of a connection is told anything."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        link = stack.enter_context(VirtualLink())
        bed = stack.enter_context(link.bed())
        meter = stack.enter_context(Meter(bed.node, 0))
        watch = stack.enter_context(Watch(bed.hub, bed.workload, meter))
        wait_answers(watch)
        for _ in range(2):
            link.down()
            bed.hub.asked_for(bed.workload).wait_unavailable("stale")
            link.up()
            wait_answers(watch)
    watch.assert_none_old()
