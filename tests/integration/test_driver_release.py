# SPDX-License-Identifier: Apache-2.0
"""SIGUSR1 lets go of the driver for a time, for those who reset a GPU or replace the driver."""

import signal

from fleet_processes import Hub
from harness import run, wait_until

REASON = "the driver is let go of, as SIGUSR1 asked"


def ask(scaler, asked):
    scaler.process.send_signal(asked)


def released(scaler):
    return scaler.gauge("driver_released", backend="nvml") == 1


def test_no_driver_call_until_the_time_is_over(fake, start):
    scaler = start("--driver-release-time", "8s", fake=fake).wait_sampled()
    assert scaler.value() == 80
    assert not released(scaler)
    shutdowns = fake.calls("nvmlShutdown")
    ask(scaler, signal.SIGUSR1)
    wait_until(lambda: released(scaler), "the release")
    assert fake.calls("nvmlShutdown") == shutdowns + 1
    calls = fake.calls_file.read_text()
    text = scaler.wait_unavailable(REASON)
    assert scaler.gauge("driver_open", backend="nvml") == 0
    assert scaler.gauge("gpu_lost", gpu_index="0") == 0, "the GPUs stay listed"
    assert scaler.unavailable() == text
    unchanged = fake.calls_file.read_text()
    # Read before it is known that the release still lasted.
    assert released(scaler) and unchanged == calls, "no call of any kind"
    scaler.wait_value(80)
    assert not released(scaler)
    messages = [line["message"] for line in scaler.log()]
    for message in ("the GPU drivers are to be let go of", "GPU driver is let go of",
                    "GPU driver is opened again, having been let go of"):
        assert messages.count(message) == 1, messages


def test_sigusr2_opens_again_at_once(fake, start):
    scaler = start("--driver-release-time", "1h", fake=fake).wait_sampled()
    ask(scaler, signal.SIGUSR1)
    wait_until(lambda: released(scaler), "the release")
    calls = fake.calls_file.read_text()
    scaler.wait_rounds(5)
    assert fake.calls_file.read_text() == calls
    ask(scaler, signal.SIGUSR2)
    scaler.wait_value(80)
    assert not released(scaler)
    assert fake.calls("nvmlInit_v2") > int(dict(
        line.split() for line in calls.splitlines())["nvmlInit_v2"])


def test_a_second_sigusr1_begins_the_time_anew(fake, start):
    scaler = start("--driver-release-time", "1h", "--sampling-interval", "1m",
                   fake=fake).wait_sampled()
    ask(scaler, signal.SIGUSR1)
    wait_until(lambda: released(scaler), "the release, for all the long interval")
    ask(scaler, signal.SIGUSR1)
    wait_until(lambda: len(scaler.logged("the GPU drivers are to be let go of")) == 2, "the second")
    assert released(scaler)
    ask(scaler, signal.SIGUSR2)
    scaler.wait_value(80)


def test_a_call_that_hangs_delays_it(fake, start):
    scaler = start(fake=fake).wait_sampled()
    fake.gpus[3].rules = ["hang nvmlDeviceGetPowerUsage"]
    fake.write()
    wait_until(lambda: scaler.gauge("gpu_call_hung", gpu_index="3") == 1, "the hang")
    shutdowns = fake.calls("nvmlShutdown")
    ask(scaler, signal.SIGUSR1)
    wait_until(lambda: scaler.logged("the driver cannot be let go of yet: a call has not returned"),
               "that it is said")
    scaler.wait_unavailable(REASON)
    assert fake.calls("nvmlShutdown") == shutdowns
    assert not released(scaler)
    fake.gpus[3].rules = []
    fake.write()
    wait_until(lambda: released(scaler), "the release")
    assert fake.calls("nvmlShutdown") == shutdowns + 1
    ask(scaler, signal.SIGUSR2)
    scaler.wait_value(80)


def test_it_ends_as_ever_while_it_lasts(fake, start):
    scaler = start(fake=fake).wait_sampled()
    ask(scaler, signal.SIGUSR1)
    wait_until(lambda: released(scaler), "the release")
    calls = fake.calls_file.read_text()
    scaler.process.terminate()
    assert scaler.process.wait(timeout=60) == 0
    assert fake.calls_file.read_text() == calls


def test_a_hub_has_no_driver_to_let_go_of():
    with Hub("none") as hub:
        for asked in (signal.SIGUSR1, signal.SIGUSR2):
            hub.process.send_signal(asked)
        wait_until(lambda: len(hub.logged("signal is ignored: a hub has no GPU driver open")) == 2,
                   "both are said to be ignored")
        assert not hub.ended()


def test_bounds():
    for wrong in ("0s", "999ms", "61m", "soon"):
        done = run("--driver-release-time", wrong)
        assert done.returncode == 2
        assert "a duration from 1s to 1h" in done.stderr
