# SPDX-License-Identifier: Apache-2.0
"""Load comes and goes: the replicas follow it."""

from registry import scenario
from scenario import NAME, SPARE


@scenario(ready_after=30)
def slow_starts_cause_no_runaway(web):
    """A pod takes 15 of the HPA's periods to become Ready."""
    web.deploy(replicas=3, load=640)
    web.scale()
    web.settles(8, patience=300)
    specs = web.specs()
    assert specs == sorted(specs), "pods that load were removed"
    web.kept_within(3, 8 + SPARE)
    created = web.pods_created()
    assert created == max(specs), f"{created} pods were created for {max(specs)} replicas"


@scenario()
def the_replicas_follow_the_load(web):
    """AverageValue, KEDA's default. 3 pods at 92 % are 4; 640 are 8; less is fewer; none is none."""
    web.deploy(replicas=3, load=276)
    web.scale(low=0, cooldown=2)
    web.settles(4)
    assert web.was_sent(276)
    assert web.specs() == [3, 4]
    for hub in web.fleet.hubs:
        # KEDA asks both by turns, and it makes no difference which.
        assert hub.gauge("scaler_requests_total", method="GetMetrics") > 0
        assert hub.gauge("workload_value") == 276
    web.offer(640)
    web.settles(8)
    web.kept_within(3, 8 + SPARE)
    web.offer(100)
    web.settles(2)
    web.offer(0)
    web.wait(lambda: web.spec() == 0, "no replica of an idle workload")
    web.stays(0)


@scenario()
def metric_type_value(web):
    web.deploy(replicas=3, load=276)
    web.scale(web.trigger("Value"))
    web.settles(4)
    assert web.was_sent(92)
    web.offer(640)
    web.settles(8)
    web.kept_within(3, 8 + SPARE)
    web.offer(100)
    web.settles(2)


def _preallocated(percent):
    """vLLM: its memory is full from the start, whatever it has to do."""
    return {"gpu_util": percent, "mem_util": percent // 2, "memory_used_mib": 73728,
            "power_mw": 100000 + 4000 * percent}


@scenario(shown=_preallocated)
def preallocated_memory_is_no_load(web):
    """Profile vllm-inference, 90 % of the memory taken: no reason to grow, nor to stay awake."""
    web.deploy(replicas=3, load=60)
    web.scale(web.trigger(profile="vllm-inference"), low=0, cooldown=2)
    web.wait(web.hpa_sees, "a number for the HPA")
    # Longer than the time after which an idle one would sleep.
    web.stays(3, seconds=45)
    web.offer(0)
    web.wait(lambda: web.spec() == 0, f"sleep of {NAME}")
    web.kept_within(0, 3)
    web.stays(0)
