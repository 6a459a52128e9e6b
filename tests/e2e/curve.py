# SPDX-License-Identifier: Apache-2.0
"""What a workload went through: its replicas over time, as the API showed them."""

import json
import re
import threading
import time

_SUFFIXES = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}


def quantity(text):
    """A quantity of the API as a number."""
    number, suffix = re.fullmatch(r"([-\d.e+]+)([a-zA-Z]*)", text).groups()
    return float(number) * _SUFFIXES[suffix]


def sent_to_hpa(hpa):
    """The number behind the HPA's first metric, or None while it gets none."""
    status = (hpa or {}).get("status", {})
    scaling = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    metrics = status.get("currentMetrics") or ()
    if scaling.get("ScalingActive") != "True" or not metrics or not metrics[0].get("external"):
        return None
    current = metrics[0]["external"]["current"]
    if "value" in current:
        return quantity(current["value"])
    average = quantity(current["averageValue"])
    # Divided by no replica, just after the first is wanted.
    if average < 0:
        return None
    # The HPA shows the number divided by the replicas, rounded up to a thousandth.
    return round(average * status["currentReplicas"], 2)


class Curve:
    """Points in the order of time: {time, spec, status, ready, sent, load}."""

    def __init__(self, name):
        self.name = name
        self.points = []
        # (time, text)
        self.notes = []
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def now(self):
        return round(time.monotonic() - self._began, 2)

    def add(self, moment, **values):
        """A point, as the API was at that moment or later."""
        with self._lock:
            self.points.append({"time": moment, **values})
            self.points.sort(key=lambda point: point["time"])

    def note(self, text):
        """What happens now, for the plot."""
        self.notes.append((self.now(), text))

    def since(self, moment):
        """The points from that time on."""
        with self._lock:
            return [point for point in self.points if point["time"] >= moment]

    def json(self):
        points = ",\n".join("  " + json.dumps(point) for point in self.points)
        return (f'{{"name": {json.dumps(self.name)}, "notes": {json.dumps(self.notes)}, '
                f'"points": [\n{points}\n]}}\n')
