# SPDX-License-Identifier: Apache-2.0
"""Who may ask and who may report: mTLS with the real KEDA, tokens of the real API server."""

import time

from harness import wait_until
from registry import scenario
from scenario import SPARE

RENEWALS = 3


def _errors(web):
    """Calls of KEDA that ended in an error, at all hubs, and what KEDA complained of."""
    failed = sum(sum(hub.series("scaler_request_errors_total")) for hub in web.fleet.hubs)
    log = (web.stack.logs / "keda.log").read_text(errors="replace").splitlines()
    return failed, [line for line in log if web.namespace in line and "ERROR" in line]


@scenario(hub_flags=("--max-connection-age", "2s", "--stream-max-age", "10s"))
def certificates_are_renewed(web):
    """KEDA's connections age within seconds, so that it meets each certificate."""
    web.deploy(replicas=3, load=276)
    web.scale(web.trigger(push=True, targetGpuUtilization=80), low=0)
    web.settles(4)
    before = _errors(web)
    for renewal in range(1, RENEWALS + 1):
        web.curve.note(f"certificate {renewal + 1}")
        web.fleet.security.renew()
        for hub in web.fleet.hubs:
            web.wait(lambda hub=hub: len(hub.logged("certificates were renewed", of="keda"))
                     == len(hub.logged("certificates were renewed", of="agents")) == renewal,
                     "the renewal")
        web.stays(4, seconds=6)
    assert _errors(web) == before
    web.offer(640)
    web.settles(8)
    web.kept_within(3, 8 + SPARE)


class _Impostor:
    """What has taken the place of a node's agent, and the word of the hubs on it."""

    def __init__(self, web, node):
        self._web, self._node = web, node
        web.fleet.kill(node.agent)
        for hub in web.fleet.hubs:
            web.wait(lambda hub=hub: not self._seen_by(hub)["connected"], "the agent's end")
        self._ended = time.monotonic()

    def _seen_by(self, hub):
        return hub.debug("nodes")[self._node.name]

    def is_refused(self, token, reason, words):
        """With that token, at both hubs, for that reason and in those words; without a reason it
        does not even ask."""
        web = self._web

        def refusals():
            return [hub.gauge("agent_refusals_total", reason=reason) if reason else 0
                    for hub in web.fleet.hubs]
        before = refusals()
        web.fleet.start_agent(self._node, token)

        def refused():
            told = {line["hub"] for line in self._node.agent.logged("no stream to a hub")
                    if words in line["error"]}
            return len(told) == len(before) and (not reason or all(
                now > then for now, then in zip(refusals(), before)))
        web.wait(refused, f"a refusal with {words!r}")
        for hub in web.fleet.hubs:
            since = time.monotonic() - self._ended
            seen = self._seen_by(hub)
            assert not seen["connected"] and seen["report_age_seconds"] >= since, seen
        assert self._node.agent.probe("/readyz")[0] == 503
        web.fleet.kill(self._node.agent)


@scenario()
def agents_that_are_not_who_they_say(web):
    """What they report never counts; the node's own agent is let in again."""
    web.deploy(replicas=3, load=276)
    web.scale(low=0)
    web.settles(4)
    fleet = web.fleet
    first, second = fleet.nodes
    impostor = _Impostor(web, second)
    web.curve.note("impostors")
    impostor.is_refused(fleet.token_for(first), "permission_denied",
                        f"the token is of node {first.name}")
    impostor.is_refused(fleet.token_for(second, audience="https://kubernetes.default.svc"),
                        "unauthenticated", "is it of audience")
    impostor.is_refused(fleet.token_for(second, account="another"), "permission_denied",
                        "agents are system:serviceaccount:keda:keda-gpu-scaler-agent")
    impostor.is_refused(fleet.token_for(second, seconds=-120), "unauthenticated", "has it expired")
    impostor.is_refused("made-up", "unauthenticated", "the token is no ServiceAccount token")
    impostor.is_refused("", None, "holds no token")
    assert web.specs() in ([3, 4], [3, 5, 4])
    web.curve.note("the agent itself")
    fleet.start_agent(second, fleet.token_for(second, seconds=15))
    web.wait(lambda: all(hub.debug("nodes")[second.name]["connected"] for hub in fleet.hubs),
             "the agent")
    # As the kubelet does, before the one that is in use ends.
    fleet.give_token(second, fleet.token_for(second))
    wait_until(lambda: len({line["hub"] for line in second.agent.logged("no stream to a hub")
                            if "the hub ended the stream" in line["error"]})
               == len(fleet.hubs), "the end of the token")
    web.wait(lambda: all(hub.debug("nodes")[second.name]["connected"] for hub in fleet.hubs),
             "the agent with its next token")
    web.offer(640)
    web.settles(8)
