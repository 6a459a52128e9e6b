# SPDX-License-Identifier: Apache-2.0
"""Each limit by its flag: what is beyond is refused and counted, and the rest goes on."""

import contextlib
import threading

import fleet_pb2
import fleet_pb2_grpc
import grpc
import pytest
from fleet import STRICT, Workload, new_node
from fleet_processes import Hub, agent
from harness import PATIENCE_S, new_channel, refusal, wait_until

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
LEVEL = {"metricType": "gpu_utilization", "targetValue": "80"}
LIMITS = {"max-request-bytes": 4096, "max-metadata-keys": 10, "max-metadata-value-bytes": 200,
          "max-streams": 3, "max-streams-per-peer": 2, "max-objects": 2, "max-agents": 2,
          "max-report-bytes": 4096, "max-report-rate": 2, "decision-history": 2}


@pytest.fixture
def limited(kubeconfig):
    """A hub with low limits."""
    flags = [word for name, value in LIMITS.items() for word in (f"--{name}", str(value))]
    with Hub(kubeconfig, *flags) as hub:
        wait_until(lambda: hub.probe("/readyz")[0] == 200, "ready")
        yield hub


def put(api, name, **metadata):
    api.put("Deployment", "default", name, spec={"replicas": 1})
    workload = Workload("default", name, {**LEVEL, **STRICT, **metadata})
    api.put("ScaledObject", "default", name, spec={"pollingInterval": 1, "triggers": [
        {"type": "external", "metadata": workload.metadata}]})
    return workload


def exceeded(hub, limit):
    return hub.gauge("limit_exceeded_total", limit=limit)


def is_blind(hub, workload, words=""):
    """It is answered as one without any reading."""
    wait_until(lambda: words in (refusal(grpc.StatusCode.UNAVAILABLE,
                                         hub.asked_for(workload).value) or "\0"), "blindness")


def is_tracked(hub, workload):
    return wait_until(lambda: hub.pods(workload) is not None, "the object")


def test_objects_streams_and_history(limited, api):
    """One hub, so that each limit is met while the others are."""
    first, second = put(api, "first"), put(api, "second")
    is_tracked(limited, first)
    is_tracked(limited, second)
    third = put(api, "third")
    asked = limited.asked_for(third)
    wait_until(lambda: exceeded(limited, "objects") == 1, "one object too many")
    assert "--max-objects" in refusal(EXHAUSTED, asked.value)
    assert limited.pods(third) is None
    assert asked.open_stream().wait_end() == EXHAUSTED

    # Those that are tracked are answered as before.
    is_blind(limited, first)
    with contextlib.ExitStack() as streams:
        for workload in (first, second):
            streams.callback(limited.asked_for(workload).open_stream().call.cancel)
        wait_until(lambda: limited.gauge("open_streams") == 2, "two streams")
        one_more = limited.asked_for(first).open_stream()
        assert one_more.wait_end() == EXHAUSTED
        assert exceeded(limited, "streams_per_peer") == 1
        assert exceeded(limited, "streams") == 0
        is_blind(limited, first)

    # Of three more answers the first is forgotten at the latest.
    before = exceeded(limited, "decision_history")
    for number in range(3):
        api.set_pod("default", f"first-{number}", node="node-a", labels={"app": "first"})
        is_blind(limited, first, f"default/first-{number}")
    assert exceeded(limited, "decision_history") > before
    assert len(limited.decisions(first)["answered"]) == 2

    # Once one goes there is room.
    api.delete("ScaledObject", "default", "first")
    is_tracked(limited, third)
    is_blind(limited, third)


def test_requests(limited, api):
    workload = put(api, "web")
    is_tracked(limited, workload)
    asked = limited.asked_for(workload)
    assert "--max-request-bytes" in refusal(EXHAUSTED, asked.value, podAggregation="x" * 5000)
    assert "--max-metadata-value-bytes" in refusal(EXHAUSTED, asked.value, podAggregation="x" * 201)
    many = {f"key{number}": "x" for number in range(10)}
    assert "--max-metadata-keys" in refusal(EXHAUSTED, asked.value, **many)
    assert [exceeded(limited, limit) for limit in
            ("request_bytes", "metadata_value_bytes", "metadata_keys")] == [1, 1, 1]
    is_blind(limited, workload)


def test_too_much_stored_metadata_is_an_error_of_its_own_trigger(limited, api):
    web = put(api, "web")
    large = put(api, "large", metricName="x" * 201)
    is_tracked(limited, large)
    wait_until(lambda: "--max-metadata-value-bytes" in str(limited.decisions(large)), "the error")
    assert "--max-metadata-value-bytes" in refusal(EXHAUSTED, limited.asked_for(large).value)
    is_blind(limited, web)


class RawAgent:
    """A stream from an agent that sends what it is told to."""

    def __init__(self, hub, node, *messages):
        self._closed = threading.Event()
        self._channel = new_channel(hub.agent_port, own_connection=True)
        self.stream = fleet_pb2_grpc.FleetStub(self._channel).Connect(
            self._sent(node, messages), timeout=PATIENCE_S)

    def _sent(self, node, messages):
        yield fleet_pb2.AgentMessage(hello=fleet_pb2.Hello(node=node, boot_id="1", version="1"))
        yield from messages
        # The stream stays open as long as this does.
        self._closed.wait()

    def close(self):
        self._closed.set()
        self.stream.cancel()
        self._channel.close()

    def end(self):
        """The code that the stream ends with."""
        with pytest.raises(grpc.RpcError) as ended:
            for _ in self.stream:
                pass
        return ended.value.code()


def test_agents(limited, tmp_path):
    node = new_node("node-a", tmp_path / "node-a")
    with node.kubelet, agent(node, f"127.0.0.1:{limited.agent_port}"):
        wait_until(lambda: limited.debug("nodes").get("node-a", {}).get("gpus"), "the agent")
        large = fleet_pb2.AgentMessage(report=fleet_pb2.Report(
            layout=fleet_pb2.Layout(listing_problem="x" * 5000)))
        for limit, messages in (("report_bytes", [large]),
                                ("report_rate", [fleet_pb2.AgentMessage()] * 25)):
            with contextlib.closing(RawAgent(limited, "node-b", *messages)) as other:
                assert other.end() == EXHAUSTED
            assert exceeded(limited, limit) == 1
            wait_until(lambda: limited.gauge("agents_connected") == 1, "room for the next")
        with contextlib.closing(RawAgent(limited, "node-b")) as second:
            wait_until(lambda: limited.debug("nodes").get("node-b", {}).get("connected"),
                       "the second agent")
            with contextlib.closing(RawAgent(limited, "node-c")) as third:
                assert third.end() == EXHAUSTED
            assert exceeded(limited, "agents") == 1
            assert second.stream.is_active()
        assert limited.debug("nodes")["node-a"]["connected"]
