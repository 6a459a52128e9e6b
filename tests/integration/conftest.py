# SPDX-License-Identifier: Apache-2.0
"""Fixtures, and the scalers' logs where a test fails."""

import contextlib

import private_hosts
import pytest
from fake_driver import FakeNvml
from fake_engine import ALLOW
from fleet import Fleet
from fleet_processes import Hub
from harness import Program, Scaler
from kube_api import new_kube_api


@pytest.fixture
def fake(tmp_path):
    """A driver with eight GPUs (fake_driver.eight_gpus)."""
    return FakeNvml(tmp_path)


@pytest.fixture
def start():
    """Starts scalers that are stopped, and must end well, when the test is over."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(Scaler(*arguments, **options))


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A scaler over eight GPUs that nothing happens to, for a whole file."""
    fake = FakeNvml(tmp_path_factory.mktemp("node"))
    with Scaler(fake=fake) as scaler:
        scaler.fake = fake
        yield scaler.wait_sampled()


@pytest.fixture
def api():
    """An API server without objects."""
    with new_kube_api() as one:
        yield one


@pytest.fixture
def kubeconfig(api, tmp_path):
    return api.kubeconfig(tmp_path / "config")


@pytest.fixture
def hub(kubeconfig):
    """One that may ask endpoints on loopback."""
    with Hub(kubeconfig, *ALLOW) as one:
        yield one


@pytest.fixture(scope="session")
def private_names():
    """Skips what needs a name that only the test's processes know."""
    reason = private_hosts.why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def fleet(private_names):
    """Three agents and two hubs, for a whole file. Each test leaves them well."""
    with Fleet() as running:
        yield running


@pytest.hookimpl
def pytest_runtest_setup():
    Program.of_this_test = [one for one in Program.of_this_test if not one.ended()]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for one in Program.of_this_test:
            role = {"agent", "hub"}.intersection(one.process.args) or {"standalone"}
            report.sections.append((f"log of {role.pop()} {one.process.pid}",
                                    "\n".join(one.lines)))
