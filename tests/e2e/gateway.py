# SPDX-License-Identifier: Apache-2.0
"""What stands before the pods of a scenario: requests for which no Ready pod is there wait in it."""

import contextlib

from fake_engine import FakeEngine

PORT = 9090
_LABELS = ('fairness_id="default-flow",inference_pool="pool",model_name="m",priority="0",'
           'target_model_name="m"')


class Gateway:
    """EPPs behind one name, each with a page of its own. Use as a context manager.

    The first has all requests that the kubelet's pods do not work on, and knows of those that they
    do; the others have none. `url` is where they are asked.
    """

    def __init__(self, stack, number, kubelet, replicas):
        """`number` tells the gateways of a stack apart."""
        self._hosts, self._kubelet = stack.hosts, kubelet
        self._name = f"gateway-{number}.test"
        self.addresses = [f"127.{100 + number}.255.{1 + replica}" for replica in range(replicas)]
        self.url = f"http://{self._name}:{PORT}"
        # Requests that came and went without having been seen to wait.
        self._passed = 0
        self._ends = [None for _ in self.addresses]

    def __enter__(self):
        self._hosts.set(self.addresses, self._name)
        for replica in range(len(self.addresses)):
            self.start(replica)
        return self

    def __exit__(self, *_):
        for replica in range(len(self.addresses)):
            self.stop(replica)
        self._hosts.set([], self._name)

    def start(self, replica):
        with contextlib.ExitStack() as ends:
            ends.enter_context(FakeEngine(lambda: self._page(replica), port=PORT,
                                          address=self.addresses[replica]))
            self._ends[replica] = ends.pop_all()

    def stop(self, replica):
        """Nothing listens at its address any more."""
        ends, self._ends[replica] = self._ends[replica], None
        if ends:
            ends.close()

    def pass_by(self, requests):
        """So many requests come and are gone again at once."""
        self._passed += requests

    def _page(self, replica):
        running, waiting, passed = 0, 0, 0
        if replica == 0:
            running = self._kubelet.worked_on()
            waiting, passed = max(0, self._kubelet.load - running), self._passed
        lines = [f"llm_d_epp_request_running{{model_name=\"m\"}} {running}",
                 "llm_d_epp_flow_control_request_queue_duration_seconds_count"
                 f'{{{_LABELS},outcome="Dispatched"}} {passed}']
        # Its series is there while the flow is.
        if waiting:
            lines.append(f"llm_d_epp_flow_control_queue_size{{{_LABELS}}} {waiting}")
        return "\n".join([*lines, ""])
