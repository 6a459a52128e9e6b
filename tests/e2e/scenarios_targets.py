# SPDX-License-Identifier: Apache-2.0
"""Other things to scale than Deployments."""

from registry import scenario
from scenario import SPARE


@scenario()
def a_stateful_set(web):
    """Its pods come one by one, and their names come back."""
    web.deploy(replicas=3, load=276, kind="StatefulSet")
    _up_and_down(web)
    web.offer(276)
    web.settles(4)


@scenario()
def a_custom_resource(web):
    """Any kind with a scale subresource; its controller is the test's."""
    web.deploy(replicas=3, load=276, kind="Rollout")
    _up_and_down(web)


def _up_and_down(web):
    web.scale()
    web.settles(4)
    web.offer(640)
    web.settles(8)
    web.kept_within(3, 8 + SPARE)
    web.offer(100)
    web.settles(2)
