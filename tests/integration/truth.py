# SPDX-License-Identifier: Apache-2.0
"""Whether answers are ever older than they may be.

A `Meter` gives a GPU a new power draw every tenth of a second, none of them twice, and so every
answer tells when it was read. A `Watch` asks a hub all the time, whatever happens to it.
"""

import threading
import time

import grpc

# What a hub may serve (docs/configuration.md, --sampling-interval), and what the clocks and
# threads of this machine may add.
OLDEST_S = 3
SLACK_S = 0.3
_TICK_S = 0.1
METER = {"metricType": "power_draw", "targetValue": 1000000, "activationThreshold": 1}


class _Running:
    """A thread between `with`'s ends."""

    def __init__(self):
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


class Meter(_Running):
    """Changes what the driver says of one GPU until it is left."""

    def __init__(self, node, gpu):
        super().__init__()
        self._node, self._gpu = node, gpu
        watts = node.driver.gpus[gpu].keys["power_mw"] // 1000
        # In the order of time: since when, and the value in watts. Of earlier meters too.
        self._history = node.drawn.setdefault(gpu, [(0, watts)])

    def _run(self):
        _, watts = self._history[-1]
        while not self._over.wait(_TICK_S):
            watts += 1
            self._history.append((time.monotonic(), watts))
            self._node.read(self._gpu, power_mw=1000 * watts)

    def age(self, value, at):
        """For how long, at least, the GPU had drawn something else at that time; None of a value
        that it never drew."""
        history = list(self._history)
        for place, (_, watts) in enumerate(history):
            if watts == value:
                is_last = place + 1 == len(history)
                # Set just before the driver is told, so that what is read later is the next one.
                return 0 if is_last else max(0, at - history[place + 1][0] - _TICK_S)
        return None


class Watch(_Running):
    """Asks for the value of a workload until it is left, and keeps the ages of the answers."""

    def __init__(self, hub, workload, meter):
        super().__init__()
        self._asked = hub.asked_for(workload)
        self._meter = meter
        # When asked, and the value, or None where it was refused.
        self.answers = []

    def _run(self):
        while not self._over.wait(0.005):
            asked = time.monotonic()
            try:
                value = self._asked.value()
            except grpc.RpcError:
                value = None
            self.answers.append((asked, value))

    def count(self, since=0, refused=False):
        """How many answers, or refusals, to what was asked since that time."""
        return sum((value is None) == refused for asked, value in list(self.answers)
                   if asked >= since)

    def assert_none_old(self):
        ages = [(self._meter.age(value, asked), value) for asked, value in list(self.answers)
                if value is not None]
        assert ages
        strangers = [value for age, value in ages if age is None]
        assert not strangers, strangers
        oldest = max(ages)
        assert oldest[0] < OLDEST_S + SLACK_S, oldest
