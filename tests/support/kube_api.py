# SPDX-License-Identifier: Apache-2.0
"""The API server of a test: the fake one, or with KGS_TEST_REAL_KUBE_API=1 a real one."""

import os

from fake_kube_api import FakeKubeApi

REAL = os.environ.get("KGS_TEST_REAL_KUBE_API") == "1"


def new_kube_api():
    """A server to be used as a context manager, with the methods that both have."""
    if REAL:
        # Only then: it needs more than the tests' packages.
        from real_kube_api import RealKubeApi  # pylint: disable=import-outside-toplevel
        return RealKubeApi()
    return FakeKubeApi()
