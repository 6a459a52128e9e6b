# SPDX-License-Identifier: Apache-2.0
"""Wall clocks that are wrong or set: readings keep their age, devices their pods."""

import datetime
import os
import struct
import time

import pytest
from fleet import Fleet
from harness import wait_until
from truth import METER, Meter, Watch

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("KGS_TEST_SANITIZERS")),
    reason="a sanitizer's runtime does not start with a library preloaded that answers for clocks")

WALL_CLOCK = os.environ["KGS_TEST_WALL_CLOCK"]
HOUR = 3600
LEVEL = {"metricType": "gpu_utilization", "targetValue": 80}


class NodeClock:
    """The wall clock of all agents of a fleet: ours and `offset` seconds."""

    def __init__(self, path):
        self._path = path
        path.write_bytes(struct.pack("q", 0))
        self.offset = 0

    def environment(self):
        return {"LD_PRELOAD": WALL_CLOCK, "KGS_WALL_CLOCK": str(self._path)}

    def set(self, offset):
        self.offset = offset
        with open(self._path, "r+b", buffering=0) as file:
            file.write(struct.pack("q", offset))

    def now(self):
        """As a kubelet writes status.startTime."""
        now = datetime.datetime.utcfromtimestamp(time.time() + self.offset)
        return now.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return NodeClock(tmp_path_factory.mktemp("clock") / "offset")


@pytest.fixture(scope="module")
def fleet(private_names, clock):
    """A fleet whose agents have that clock."""
    with Fleet(agent_env=clock.environment()) as running:
        yield running


@pytest.fixture(autouse=True)
def right_clock(fleet, clock):
    yield
    clock.set(0)
    fleet.wait_right(fleet.web)


def wait_listing(fleet):
    """Waits until the kubelets have been asked anew."""
    agents = [node.agent for node in fleet.nodes.values()]
    counts = [agent.gauge("pod_listings_total") for agent in agents]
    for agent, count in zip(agents, counts):
        wait_until(lambda agent=agent, count=count: agent.gauge("pod_listings_total") > count)


def test_a_clock_that_is_set_goes_unnoticed(fleet, clock):
    metered = fleet.deploy("metered", METER, replicas=1)
    fleet.place(metered, "metered-0", "node-a", 3)
    fleet.wait_right(metered)
    with Meter(fleet.nodes["node-a"], 3) as meter, \
            Watch(fleet.hubs[0], metered, meter) as watch:
        wait_until(watch.count, "an answer")
        begun = time.monotonic()
        for offset in (-HOUR, HOUR):
            clock.set(offset)
            wait_listing(fleet)
        assert watch.count(since=begun, refused=True) == 0
    watch.assert_none_old()


def test_agents_have_that_clock(fleet, clock):
    """Else the tests of this file would show nothing."""
    fleet.kill(fleet.nodes["node-c"].agent)
    clock.set(-HOUR)
    agent = fleet.start_agent("node-c")
    said = datetime.datetime.fromisoformat(agent.logged("serving")[0]["time"].rstrip("Z"))
    behind = datetime.datetime.utcnow() - said
    assert HOUR - 60 < behind.total_seconds() < HOUR + 60


@pytest.mark.parametrize("offset", [-HOUR, HOUR], ids=["slow", "fast"])
def test_a_pod_that_starts_under_a_wrong_clock(fleet, clock, offset):
    clock.set(offset)
    name = f"started-{abs(offset)}-{offset > 0}".lower()
    workload = fleet.deploy(name, LEVEL, replicas=1)
    fleet.place(workload, f"{name}-0", "node-b", 1, start_time=clock.now())
    fleet.wait_right(workload)
    fleet.wait_values(workload, 21)


def test_a_pod_that_started_before_its_clock_was_set_back(fleet, clock):
    """By the node's clock, every listing is from before its start."""
    workload = fleet.deploy("earlier", LEVEL, replicas=1)
    start_time = clock.now()
    clock.set(-HOUR)
    fleet.place(workload, "earlier-0", "node-c", 1, start_time=start_time)
    fleet.wait_right(workload)
    fleet.wait_values(workload, 31)


def test_a_name_that_returns_while_its_clock_is_set_forward(fleet, clock):
    """A listing of the pod before is later than the start of the one after, by such a clock."""
    workload = fleet.deploy("returning", LEVEL, replicas=1)
    fleet.place(workload, "returning-0", "node-a", 1, start_time=clock.now())
    fleet.wait_values(workload, 11)
    start_time = clock.now()
    clock.set(HOUR)
    wait_listing(fleet)
    fleet.api.delete("Pod", "default", "returning-0")
    uid = fleet.place(workload, "returning-0", "node-a", 2, start_time=start_time)
    new = [fleet.nodes["node-a"].uuid(2)]
    for hub in fleet.hubs:
        def known(hub=hub):
            row = hub.pods(workload).get("returning-0", {})
            if row.get("uid") != uid or row["devices"] != "known":
                return False
            assert [gpu["uuid"] for gpu in row["gpus"]] == new
            return True
        wait_until(known, "the new pod")
    fleet.wait_right(workload)
    fleet.wait_values(workload, 12)
