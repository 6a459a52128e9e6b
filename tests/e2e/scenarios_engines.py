# SPDX-License-Identifier: Apache-2.0
"""Engines: what they say of themselves sizes the workload, whatever the GPUs show."""

import re

from fake_engine import real_page
from registry import scenario
from scenario import SPARE

# Requests that one engine works on at a time; the others wait.
_SLOTS = 16
_PAGE = real_page("vllm")


def _vllm(requests):
    """vLLM's own page, with so many requests."""
    running = min(_SLOTS, requests)
    waiting = requests - running
    page = _PAGE
    # The page is of two engines in one process: the first has all there is to do.
    for series, value in (("num_requests_running", running), ("num_requests_waiting", waiting),
                          ("num_requests_waiting_by_reason", waiting)):
        page, changed = re.subn(rf'^(vllm:{series}\{{engine="0"[^}}]*\}}) .*$', rf"\1 {value}",
                                page, flags=re.MULTILINE)
        assert changed == 1, series
    # Not on that page, but on those of the same version that are not cut for a test.
    cache = f'vllm:kv_cache_usage_perc{{engine="0",model_name="m"}} {0.02 * running}'
    return f"{page.rstrip()}\n{cache}\n"


def _busy_with_one(_):
    """One request keeps a GPU as busy as many do."""
    return {"gpu_util": 100, "mem_util": 90, "memory_used_mib": 73728, "power_mw": 400000}


def _follows_the_requests(web):
    """16 requests a pod."""
    web.settles(3)
    # Of 7 pods, and beyond the tolerance of 6.
    web.offer(108)
    web.settles(7)
    # Pods are not read at the same instant: a request that moves may count twice for a second.
    web.kept_within(3, 7 + 2 * SPARE)
    web.offer(20)
    web.settles(2)
    web.offer(0)
    web.wait(lambda: web.spec() == 0, "no replica of an idle workload")
    web.stays(0)


@scenario(shown=_busy_with_one, engine_page=_vllm)
def engine_demand_is_the_sum_over_the_pods(web):
    web.deploy(replicas=3, load=40)
    web.scale(web.trigger(metricType="vllm_demand", targetValue=16), low=0, cooldown=2)
    web.wait(lambda: web.was_sent(40), "the sum of what three engines have to do")
    _follows_the_requests(web)


@scenario(shown=_busy_with_one, engine_page=_vllm)
def profile_llm_follows_the_higher_of_its_two(web):
    """Its demand, since no cache is ever above 80 % here."""
    web.deploy(replicas=3, load=40)
    web.scale(web.trigger(profile="llm", engine="vllm"), low=0, cooldown=2)
    _follows_the_requests(web)
