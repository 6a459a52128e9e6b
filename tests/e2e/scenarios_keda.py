# SPDX-License-Identifier: Apache-2.0
"""What KEDA does with our answers before the HPA sees them."""

import contextlib

from int_only import IntOnlyProxy
from registry import scenario
from scenario import SPARE


def _watts(percent):
    """10 W a percent."""
    return {"gpu_util": percent, "memory_used_mib": 8192, "power_mw": 10000 * percent}


@scenario(shown=_watts)
def two_triggers_in_one_object(web):
    """The larger wish counts: 276 % want 4 replicas, 2,760 W want 6."""
    web.deploy(replicas=3, load=276)
    web.scale(web.trigger(targetGpuUtilization=80),
              web.trigger(metricType="power_draw", targetValue=500, activationThreshold=50))
    web.settles(6)
    names = {one["external"]["metric"]["name"]
             for one in web.hpa()["status"]["currentMetrics"]}
    assert {name[:3] for name in names} == {"s0-", "s1-"}
    web.offer(100)
    web.settles(2)


@scenario(shown=_watts, ready_after=5)
def scaling_modifiers(web):
    """One formula over two triggers, in which a pod that loads has no value: (276 + 2760 / 20) / 80
    are 6 replicas, once all are there."""
    web.deploy(replicas=3, load=276)
    modifiers = {"formula": "busy + watts / 20", "target": "80", "metricType": "AverageValue"}
    web.scale(web.trigger(name="busy", targetGpuUtilization=80),
              web.trigger(name="watts", metricType="power_draw", targetValue=500,
                          activationThreshold=50),
              advanced={"scalingModifiers": modifiers})
    web.settles(6)
    # None for pods that load; one for an answer of just after they became Ready.
    web.kept_within(3, 6 + SPARE)
    assert web.was_sent(414)
    web.offer(100)
    web.settles(2)


@scenario()
def paused(web):
    web.deploy(replicas=3, load=276)
    web.scale()
    web.settles(4)
    web.annotate(paused="true")
    web.wait(lambda: web.hpa() is None, "the HPA's end")
    web.offer(640)
    web.stays(4)
    web.annotate(paused=None)
    web.settles(8)
    web.annotate(paused_replicas="2")
    web.settles(2)
    web.annotate(paused_replicas=None)
    web.settles(8)


@scenario()
def only_the_int_fields_are_read(web):
    """KEDA before 2.17 knows no others. The target is not whole on purpose."""
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(IntOnlyProxy(web.fleet))
        web.deploy(replicas=3, load=276)
        web.scale(web.trigger(address=proxy.address, targetGpuUtilization=80.5))
        web.settles(4)
        web.offer(640)
        web.settles(8)
        web.kept_within(3, 8 + SPARE)
        web.offer(100)
        web.settles(2)
        assert proxy.answered > 0
        web.let_go()
