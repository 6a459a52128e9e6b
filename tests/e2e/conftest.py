# SPDX-License-Identifier: Apache-2.0
"""The stack that all scenarios run on, and what a failed one has to tell."""

import os
import pathlib
import shutil
import tempfile

import private_hosts
import pytest

pytest.register_assert_rewrite("scenario", "scenarios_faults", "scenarios_keda", "scenarios_load",
                               "scenarios_targets", "scenarios_engines", "scenarios_wake",
                               "scenarios_identity")
# pylint: disable=wrong-import-position
from registry import Runs  # noqa: E402
from stack import Stack  # noqa: E402

# Logs and curves of the last run.
FOLDER = pathlib.Path(os.environ["KGS_TEST_E2E_FOLDER"])
_runs = None


@pytest.fixture(scope="session")
def stack():
    reason = private_hosts.why_not()
    assert reason is None, f"the hubs need a name of their own: {reason}"
    shutil.rmtree(FOLDER, ignore_errors=True)
    logs = FOLDER / "control-plane"
    logs.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="kgs-e2e-") as folder:
        with Stack(folder, logs) as running:
            yield running


@pytest.fixture(scope="session")
def runs(request, stack):
    """The scenarios that were asked for, all under way."""
    global _runs  # pylint: disable=global-statement
    names = [item.callspec.params["name"] for item in request.session.items
             if "runs" in item.fixturenames]
    with Runs(stack, FOLDER, names) as _runs:
        yield _runs


@pytest.fixture
def record_lines(request, capfd):
    """Shows a text whether or not the test passes."""
    def show(text):
        with capfd.disabled():
            print(f"\n{request.node.name}:\n{text}")
    return show


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    name = getattr(item, "callspec", None) and item.callspec.params.get("name")
    if report.failed and _runs and name in _runs.reports:
        report.sections.append((f"what {name} saw", _runs.reports[name]))
