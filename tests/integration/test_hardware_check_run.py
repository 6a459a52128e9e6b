# SPDX-License-Identifier: Apache-2.0
"""What scripts/hardware-check does beside comparing: costs, the driver, loads, its bundle."""

import ast
import json
import os
import pathlib
import re
import subprocess
import sys

import monitoring
import pytest
from gpu_machine import SCRIPT, SCRIPTS, Machine, assert_ok, offers
from harness import BINARY, PATIENCE_S, wait_until

sys.path.insert(0, str(SCRIPTS))
from hardware_check import costs, scaler  # noqa: E402  (the path is only known now)

LOAD = SCRIPTS / "hardware_check" / "load.py"
FAKE_CUDA = os.environ["KGS_TEST_FAKE_CUDA"]
# Of load.py: half of what the fake CUDA has free.
LOAD_MIB = 20480


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


# Costs and letting go.


def test_cost_of_calls(machine):
    assert_ok(machine.check())
    costs = machine.report().partition("## Cost of driver calls")[2].partition("\n## ")[0]
    if "keda_gpu_scaler_driver_calls_total" in monitoring.documented():
        assert re.search(r"\| nvml \| nvmlDeviceGetPowerUsage \| \d+ \| [\d.]+ \| [\d.]+ \|", costs)
    else:
        assert "not offered by this binary" in costs
    assert re.search(r"\| Loaded \|.* \| [\d.]+ \|$", costs, re.MULTILINE)


def page(calls, seconds, longest, rounds, within):
    """A page of /metrics of one call and `rounds` sampling rounds, of which `within` took 5 ms."""
    name, labels = "keda_gpu_scaler_", 'backend="nvml",call="nvmlDeviceGetPowerUsage"'
    bucket = name + "collection_duration_seconds_bucket"
    return scaler.Page(scaler.parse_metrics(f"""# HELP nothing
{name}driver_calls_total{{{labels}}} {calls}
{name}driver_call_seconds_total{{{labels}}} {seconds}
{name}driver_call_longest_seconds{{{labels}}} {longest}
{name}collections_total {rounds}
{bucket}{{le="0.005"}} {within}
{bucket}{{le="0.01"}} {rounds}
{bucket}{{le="+Inf"}} {rounds}
"""))


def test_costs_by_their_counters():
    """Alone is between the first two pages, loaded between the last two; longest is of all."""
    pages = page(10, 0.5, 0.3, 10, 0), page(30, 0.54, 0.3, 20, 9), page(40, 0.64, 0.4, 120, 99)
    cost, = costs.call_costs(*pages)
    assert (cost.backend, cost.call, cost.calls) == ("nvml", "nvmlDeviceGetPowerUsage", 40)
    assert cost.alone == pytest.approx(0.002) and cost.loaded == pytest.approx(0.01)
    assert cost.longest == 0.4
    assert costs.seconds_a_round(*pages[:2]) == pytest.approx(0.004)
    # Of 100 rounds 90 took 5 ms at most.
    assert costs.round_quantiles(*pages[1:]) == {0.5: 0.005, 0.9: 0.005, 0.99: 0.01}


def test_costs_of_what_was_not_called():
    first = page(0, 0, 0, 0, 0)
    assert costs.call_costs(first, first, first) == []
    assert costs.seconds_a_round(first, first) is None
    assert costs.round_quantiles(first, first) == {}
    called = page(2, 0.5, 0.3, 1, 1)
    cost, = costs.call_costs(first, called, called)
    assert cost.alone == 0.25 and cost.loaded is None
    # A call that first came between.
    cost, = costs.call_costs(scaler.Page([]), scaler.Page([]), called)
    assert cost.alone is None and cost.loaded == 0.25


def test_letting_go_of_the_driver(machine):
    assert_ok(machine.check())
    lets_go = machine.step("SIGUSR1: lets go of the driver")
    if not offers("--driver-release-time"):
        assert lets_go == ("NOT TRIED", "not offered by this binary")
        return
    assert lets_go == ("OK", "readings are gone")
    # The fake driver opens no device.
    assert machine.step("Meanwhile no device file is open")[0] == "NOT TRIED"
    assert machine.step("SIGUSR2: takes the driver again") == ("OK", "2 GPUs have readings")


# Loads.


def test_no_libcuda(machine):
    done = subprocess.run(machine.command("--seconds", "4", "--cuda-library", "no-libcuda.so"),
                          env=machine.environment(), capture_output=True, text=True, check=False)
    assert_ok(done)
    assert "a load: libcuda: no-libcuda.so" in machine.left_out()
    assert machine.verdicts("power_draw") == ["OK"] * 4


def test_load_of_ones_own(machine):
    """It is ended with all that it started."""
    mark = machine.folder / "pid"
    done = machine.check("--seconds", "8", "--load", f"sleep 600 & echo $! > {mark}; wait")
    assert done.returncode == 2 and "not allowed with" in done.stderr
    done = subprocess.run(
        machine.command("--seconds", "8", "--load", f"sleep 600 & echo $! > {mark}; wait"),
        env=machine.environment(), capture_output=True, text=True, check=False)
    assert_ok(done)
    assert machine.verdicts("power_draw") == ["OK"] * 6
    # Killed, it is gone once the system has come to it.
    wait_until(lambda: not alive(mark.read_text().strip()), "its end")


def test_load_that_ends_by_itself(machine):
    done = subprocess.run(machine.command("--seconds", "4", "--load", "true"),
                          env=machine.environment(), capture_output=True, text=True, check=False)
    assert_ok(done)
    assert "a whole phase of load: the load ended by itself" in machine.left_out()


def state_of(pid):
    """(parent, letter of its state) of a process, or None."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(state[1]), state[0]


def descendants(pid):
    everyone = [int(folder.name) for folder in pathlib.Path("/proc").glob("[0-9]*")]
    children = [one for one in everyone if (state_of(one) or (0, ""))[0] == pid]
    return children + [below for child in children for below in descendants(child)]


def alive(pid):
    return (state_of(pid) or (0, "Z"))[1] != "Z"


def test_interrupted(machine):
    """Nothing goes on that it started: the scaler, nvidia-smi, the load."""
    process = subprocess.Popen(
        machine.command("--seconds", "60", "--cuda-library", FAKE_CUDA),
        env=machine.environment(), stderr=subprocess.PIPE, text=True)
    children = []
    for line in process.stderr:
        if line.endswith("s: compute\n"):
            children = descendants(process.pid)
            process.terminate()
    assert process.wait(timeout=PATIENCE_S) == 2
    assert len(children) >= 3
    wait_until(lambda: not any(alive(child) for child in children), "the end of its children")
    assert not machine.report_file.exists()


def assert_load(kind, expected, **environment):
    done = subprocess.run([sys.executable, str(LOAD), kind, "0.1", FAKE_CUDA], text=True,
                          env={**os.environ, **environment}, capture_output=True,
                          timeout=PATIENCE_S, check=False)
    assert json.loads(done.stdout) == expected, done.stderr


@pytest.mark.parametrize("kind", ["compute", "copy"])
def test_cuda_load(kind):
    """The fake CUDA refuses every call with a wrong argument."""
    assert_load(kind, {"uuid": "GPU-00000000-0000-0000-0000-000000000000",
                       "name": "NVIDIA Fake GPU", "allocated_mib": LOAD_MIB})


def test_cuda_load_on_a_mig_device():
    assert_load("copy", {"uuid": "MIG-00000000-0000-0000-0000-000000000002",
                         "name": "NVIDIA Fake GPU", "allocated_mib": LOAD_MIB}, FAKE_CUDA_MIG="1")


@pytest.mark.parametrize("kind, call", [
    ("compute", "cuInit"), ("compute", "cuMemAlloc_v2"), ("compute", "cuLaunchKernel"),
    ("copy", "cuMemHostAlloc"), ("copy", "cuMemcpyDtoH_v2")])
def test_cuda_load_that_fails(kind, call):
    assert_load(kind, {"error": f"{call}: CUDA error 2"}, FAKE_CUDA_FAIL=call)


def set_busy(machine, util, used_mib):
    machine.nvml.gpus[0].keys.update(gpu_util=util, memory_used_mib=used_mib)
    machine.nvml.write()
    machine.smi.gpus[0].update({"utilization.gpu": str(util), "memory.used": str(used_mib)})
    machine.smi.write()


@pytest.mark.parametrize("calms_down", [True, False])
def test_phases_of_the_load(machine, calms_down):
    """The GPUs do as the load does; or go on when it is killed, which is found out."""
    set_busy(machine, 0, 500)
    process = subprocess.Popen(machine.command("--seconds", "12", "--cuda-library", FAKE_CUDA),
                               env=machine.environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.endswith("s: compute\n"):
            set_busy(machine, 97, 500 + LOAD_MIB)
        elif line.endswith("s: idle again\n") and calms_down:
            set_busy(machine, 0, 500)
    output = process.stdout.read()
    process.wait()
    assert machine.step("The load shows as busy") == ("OK", "97.0 percent"), output
    assert machine.step("The memory of the load shows") == ("OK", "20480 MiB more, 20480 MiB taken")
    copies = machine.step("Copies show on PCIe")
    assert copies[0] == ("OK" if offers("--always-read") else "NOT TRIED"), copies
    assert machine.step("After SIGKILL of the load")[0] == ("OK" if calms_down else "FAILED")
    assert process.returncode == (0 if calms_down else 1), machine.report()
    assert machine.verdicts("gpu_utilization") == ["OK"] * 8


# On a machine that has nothing.


@pytest.mark.skipif(bool(os.environ["KGS_TEST_SANITIZERS"]), reason="far too large with sanitizers")
def test_bundle(machine):
    bundle = machine.folder / "bundle"
    made = subprocess.run([str(SCRIPT), "bundle", str(bundle), "--binary", BINARY], text=True,
                          capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    size = sum(file.stat().st_size for file in bundle.glob("**/*") if file.is_file())
    assert size < 64 << 20
    assert f"{size / (1 << 20):.1f} MiB" in made.stdout
    names = [file.name for file in (bundle / "lib").iterdir()]
    assert any(name.startswith("libgrpc++") for name in names)
    assert not [name for name in names if re.match(r"libc\.|ld-|libnvidia|libm\.", name)]
    assert_ok(machine.check_in_nothing(bundle / "hardware-check"))
    assert not list(bundle.glob("**/__pycache__"))

    again = subprocess.run([str(SCRIPT), "bundle", str(bundle), "--binary", BINARY], text=True,
                           capture_output=True, check=False)
    assert again.returncode == 2 and "new or empty" in again.stderr


@pytest.mark.parametrize("file", [SCRIPT, *sorted(SCRIPTS.glob("hardware_check/*.py"))],
                         ids=lambda file: file.name)
def test_for_old_pythons(file):
    """It reads as Python 3.8, and imports nothing but the standard library and itself."""
    tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import)
                for name in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    known = sys.stdlib_module_names | {"hardware_check"}
    assert {name.partition(".")[0] for name in imported} <= known
