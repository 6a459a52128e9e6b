# SPDX-License-Identifier: Apache-2.0
"""Push triggers over a fleet: what crosses a threshold is told at once."""

import statistics
import time

import grpc
import pytest
from harness import wait_until

CROSSINGS = 8


@pytest.fixture(scope="module")
def pushed(fleet):
    """A GPU of node-a, idle, whose activity is pushed: active above 50 %. That of a node is what it
    shows right now, where a workload stays active for a while."""
    fleet.nodes["node-a"].read(1, gpu_util=10)
    workload = fleet.scale("pushed", {
        "scope": "node", "node": "node-a", "gpuIndex": 1, "metricType": "gpu_utilization",
        "targetValue": 80, "activationThreshold": 50}, target_name="web", push=True, defaults={})
    fleet.wait_values(workload, 3 * 10)
    return workload


def early(node):
    return node.agent.gauge("reports_sent_early_total")


def test_a_crossing_is_told_before_the_next_report_is_due(fleet, pushed):
    node = fleet.nodes["node-a"]
    streams = [hub.asked_for(pushed).open_stream() for hub in fleet.hubs]
    for stream in streams:
        wait_until(lambda stream=stream: stream.results() == [False], "idle")
    waits = []
    before = early(node)
    for number in range(CROSSINGS):
        begun = time.monotonic()
        node.read(1, gpu_util=90 if number % 2 == 0 else 10)
        for stream in streams:
            wait_until(lambda stream=stream, number=number: len(stream.messages) == number + 2)
        waits.append(time.monotonic() - begun)
    for stream in streams:
        assert stream.results() == [number % 2 == 1 for number in range(CROSSINGS + 1)]
        stream.call.cancel()
    # A round a second would take half a second on average; sampling takes a tenth.
    assert statistics.median(waits) < 0.4, waits
    # Some fall together with a report that is due anyway.
    assert early(node) - before >= CROSSINGS / 2


def test_changes_on_one_side_of_the_threshold_can_wait(fleet, pushed):
    node = fleet.nodes["node-a"]
    before = early(node)
    for value in (11, 49, 12, 48):
        node.read(1, gpu_util=value)
        fleet.wait_values(pushed, 3 * value)
    assert early(node) == before


def test_an_idle_node_is_repeated(fleet):
    often = fleet.scale("often", {
        "scope": "node", "node": "node-c", "metricType": "gpu_utilization", "targetValue": 80,
        "activationThreshold": 99, "pollIntervalSeconds": 1}, target_name="web", push=True,
        defaults={})
    stream = fleet.hubs[0].asked_for(often).open_stream()
    wait_until(lambda: len(stream.results()) >= 3, "repeats")
    assert set(stream.results()) == {False}
    stream.call.cancel()


def test_the_stream_of_an_object_that_goes_ends_well(fleet):
    going = fleet.scale("going", {"metricType": "gpu_utilization", "targetValue": 80},
                        target_name="web", push=True)
    streams = [hub.asked_for(going).open_stream() for hub in fleet.hubs]
    for stream in streams:
        wait_until(lambda stream=stream: stream.results() == [True], "active")
    fleet.api.delete("ScaledObject", "default", "going")
    for stream in streams:
        assert stream.wait_end() == grpc.StatusCode.OK
    for hub in fleet.hubs:
        stranger = hub.asked_for(going).open_stream()
        assert stranger.wait_end() == grpc.StatusCode.INVALID_ARGUMENT
