# SPDX-License-Identifier: Apache-2.0
"""What calls into the driver cost, from the scaler's own counters at three times."""


class CallCost:
    """One function of the driver. Means are seconds a call, None where none was made."""

    def __init__(self, backend, call, calls, alone, loaded, longest):
        self.backend = backend
        self.call = call
        self.calls = calls
        self.alone = alone
        self.loaded = loaded
        self.longest = longest


def _mean(before, after, labels):
    """Seconds a call between the two pages."""
    seconds, calls = ((after.one(name, **labels) or 0) - (before.one(name, **labels) or 0)
                      for name in ("driver_call_seconds_total", "driver_calls_total"))
    return seconds / calls if calls > 0 else None


def call_costs(first, middle, last):
    """Every call, dearest first; nothing where the binary does not tell. Between `first` and
    `middle` nobody else asked the driver; between `middle` and `last` nvidia-smi did, under
    load."""
    found = []
    for labels, calls in last.all("driver_calls_total"):
        if calls > 0:
            found.append(CallCost(labels.get("backend", ""), labels.get("call", ""), int(calls),
                                  _mean(first, middle, labels), _mean(middle, last, labels),
                                  last.one("driver_call_longest_seconds", **labels)))
    return sorted(found, key=lambda cost: -(cost.longest or 0))


def seconds_a_round(before, after):
    """Time in the driver a sampling round, over all GPUs and lanes, or None."""
    rounds = (after.one("collections_total") or 0) - (before.one("collections_total") or 0)
    spent = [sum(value for _, value in page.all("driver_call_seconds_total"))
             for page in (before, after)]
    if rounds <= 0 or not after.all("driver_call_seconds_total"):
        return None
    return (spent[1] - spent[0]) / rounds


def round_quantiles(before, after, quantiles=(0.5, 0.9, 0.99)):
    """By quantile, the bound (seconds, may be infinite) below which so many rounds took; empty
    without rounds."""
    name = "collection_duration_seconds_bucket"
    earlier = {labels["le"]: value for labels, value in before.all(name)}
    buckets = sorted((float(labels["le"]), value - earlier.get(labels["le"], 0))
                     for labels, value in after.all(name))
    if not buckets or buckets[-1][1] <= 0:
        return {}
    total = buckets[-1][1]
    return {quantile: next(bound for bound, count in buckets if count >= quantile * total)
            for quantile in quantiles}
