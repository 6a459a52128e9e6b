# SPDX-License-Identifier: Apache-2.0
"""Going from zero and back: what stands before the pods knows of demand while none is there."""

from kube_kinds import KINDS
from registry import scenario
from scenario import SPARE

# Requests that one pod works on.
_SLOTS = 16


def _engine(requests):
    """vLLM with so many requests."""
    return (f"vllm:num_requests_running {min(_SLOTS, requests)}\n"
            f"vllm:num_requests_waiting {max(0, requests - _SLOTS)}\n")


def _woken(web, **more):
    """Sized by its pods' own requests, woken by the gateway."""
    return web.trigger(**{"metricType": "vllm_demand", "targetValue": _SLOTS,
                          "wakeEndpoint": web.gateway.url, "wakeSource": "epp", **more})


def _asleep(web, *triggers, **spec):
    """No replica, and KEDA knows it."""
    web.deploy(replicas=0, load=0)
    web.scale(*triggers, low=0, cooldown=2, **spec)
    # Before the first answer KEDA says the same; and a counter is compared with the page before.
    web.wait(web.is_known_not_to_be_wanted, "the gateway's first pages")
    web.wait(lambda: web.is_answered_inactive(web.scaled_object()), "a first answer")


@scenario(engine_page=_engine, gateways=1)
def a_gateway_alone_takes_it_up_and_down(web):
    """0, 1, 3, 0 by nothing but the gateway's page."""
    _asleep(web, web.trigger(metricType="epp_demand", targetValue=_SLOTS,
                             engineEndpoint=web.gateway.url, wakeEndpoint=web.gateway.url,
                             wakeSource="epp"))
    web.stays(0)
    web.offer(40)
    web.settles(3)
    # What waits and what runs is never counted twice for long.
    web.kept_within(0, 3 + 2 * SPARE)
    web.offer(0)
    web.wait(lambda: web.spec() == 0, "no replica of an idle workload")
    web.stays(0)


@scenario(engine_page=_engine, gateways=1, ready_after=5)
def push_wakes_at_once(web):
    """Long before the next poll."""
    _asleep(web, _woken(web, push=True), polling=30)
    web.offer(8)
    seconds = web.wakes()
    web.curve.note(f"woken after {seconds:.2f} s")
    # A second, and what a machine takes that does much else besides.
    assert seconds < 3, seconds
    web.settles(1)


@scenario(engine_page=_engine, gateways=1)
def a_burst_between_two_polls_wakes(web):
    """Nobody waits when KEDA asks: a counter has moved."""
    _asleep(web, _woken(web), polling=5)
    web.gateway.pass_by(1)
    web.wakes()


@scenario(engine_page=_engine, gateways=1)
def a_gateway_out_of_reach_changes_nothing(web):
    _asleep(web, _woken(web))
    web.gateway.stop(0)
    web.wait(lambda: web.condition(web.scaled_object(), "Ready")[0] != "True", "an error to see")
    web.stays(0)
    web.gateway.start(0)
    web.offer(40)
    web.settles(3)


@scenario(engine_page=_engine, gateways=2)
def one_of_two_gateways_is_dead(web):
    """Demand at the other is demand."""
    _asleep(web, _woken(web))
    web.gateway.stop(1)
    web.wait(lambda: web.condition(web.scaled_object(), "Ready")[0] != "True", "an error to see")
    web.stays(0)
    web.offer(40)
    web.settles(3)


@scenario(gateways=1)
def jobs_for_a_queue(web):
    """So many jobs as the queue is long, by the target of each."""
    web.kubelet.offer(35)
    web.stack.put("ScaledJob", web.namespace, "work", spec={
        "jobTargetRef": {"parallelism": 1, "completions": 1, "backoffLimit": 0, "template": {
            "metadata": {"labels": {"app": "work"}},
            "spec": {"restartPolicy": "Never",
                     "containers": [{"name": "work", "image": "none"}]}}},
        "pollingInterval": 2, "maxReplicaCount": 20,
        "triggers": [web.trigger(hpa_type="", metricType="epp_queue_size", targetValue=10,
                                 engineEndpoint=web.gateway.url)]})
    jobs = f"/apis/batch/v1/namespaces/{web.namespace}/jobs"

    def count():
        return len(web.stack.admin.get(jobs)["items"])

    web.wait(lambda: count() == 4, "35 requests, 10 a job")
    web.keeps(lambda: count() == 4, "no job more at later polls")
    web.stack.delete("ScaledJob", web.namespace, "work")
    web.wait(lambda: web.stack.admin.request(
        "GET", KINDS["ScaledJob"].path(web.namespace, "work")).status == 404, "KEDA's farewell")
