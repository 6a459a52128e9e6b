# SPDX-License-Identifier: Apache-2.0
"""Every scenario, as one test each. They run side by side; see registry.py."""

import pytest
# pylint: disable=unused-import,wrong-import-order
import scenarios_load  # first, since it has the longest
import scenarios_engines
import scenarios_faults
import scenarios_identity
import scenarios_keda
import scenarios_targets
import scenarios_wake
from registry import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name, runs):
    runs.result(name)
