# SPDX-License-Identifier: Apache-2.0
"""Fixtures, and the scalers' logs where a test fails."""

import contextlib

import pytest
from fake_driver import FakeNvml
from harness import Scaler


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


@pytest.hookimpl
def pytest_runtest_setup():
    Scaler.of_this_test = [scaler for scaler in Scaler.of_this_test if not scaler.ended()]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for scaler in Scaler.of_this_test:
            report.sections.append((f"log of scaler {scaler.process.pid}",
                                    "\n".join(list(scaler.lines))))
