# SPDX-License-Identifier: Apache-2.0
"""What goes blind holds the replicas, and goes on where the load is when it sees again.

The cooldown is KEDA's own, 300 s, which no scenario outlasts. From 2.20 on KEDA may take an error for
idleness: where the HPA's question fails while KEDA asks for itself, the scalers are closed under the
latter, and it goes on as if nothing were active (ErrCacheClosed in pkg/scaling/scale_handler.go). After
the cooldown that is zero replicas, whatever a scaler answers.
"""

from registry import scenario
from scenario import SPARE

_BLIND = ["error nvmlDeviceGetUtilizationRates 999", "error nvmlDeviceGetSamples 999"]
# Longer than readings are held, and than the HPA keeps a smaller number back.
_LONG_S = 40


@scenario()
def an_agent_dies(web):
    web.deploy(replicas=3, load=276)
    web.scale(low=0)
    web.settles(4)
    node = web.fleet.nodes[0]
    web.curve.note("agent killed")
    web.fleet.kill(node.agent)
    web.stays(4, seconds=_LONG_S)
    # Two pods at 100 % and two that nobody sees: no reason to remove any, nor to take more.
    web.offer(640)
    web.stays(4)
    web.curve.note("agent back")
    web.fleet.start_agent(node)
    web.settles(8)
    web.kept_within(3, 8 + SPARE)


@scenario()
def a_hub_dies(web):
    web.deploy(replicas=3, load=276)
    web.scale(low=0)
    web.settles(4)
    web.curve.note("hub 0 killed")
    web.fleet.kill(web.fleet.hubs[0])
    web.stays(4)
    web.offer(640)
    web.settles(8)
    web.curve.note("hub 0 back, hub 1 killed")
    web.fleet.start_hub(0)
    web.fleet.kill(web.fleet.hubs[1])
    web.stays(8)
    web.offer(276)
    web.settles(4)
    web.kept_within(3, 8 + SPARE)


@scenario()
def all_gpu_reads_fail(web):
    web.deploy(replicas=3, load=276)
    web.scale(web.trigger(targetGpuUtilization=80, holdSeconds=5), low=0)
    web.settles(4)
    web.curve.note("reads fail")
    _drivers_answer(web, _BLIND)
    web.wait(web.hpa_is_blind, "a HPA without a number")
    web.stays(4, seconds=_LONG_S)
    status, reason = web.condition(web.scaled_object(), "Ready")
    assert (status, reason) == ("False", "TriggerError")
    web.offer(640)
    web.curve.note("reads work")
    _drivers_answer(web, [])
    web.settles(8)
    web.kept_within(3, 8 + SPARE)


def _drivers_answer(web, rules):
    for node in web.fleet.nodes:
        node.driver.rules = rules
        node.driver.write()


@scenario()
def both_hubs_are_gone(web):
    web.deploy(replicas=3, load=276)
    web.scale(low=0)
    web.settles(4)
    web.curve.note("both hubs killed")
    for hub in list(web.fleet.hubs):
        web.fleet.kill(hub)
    web.wait(web.hpa_is_blind, "a HPA without a number")
    web.stays(4, seconds=_LONG_S)
    web.offer(640)
    web.curve.note("both back")
    for number in range(len(web.fleet.hubs)):
        web.fleet.start_hub(number)
    web.settles(8)
    web.kept_within(3, 8 + SPARE)
