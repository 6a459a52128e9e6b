# SPDX-License-Identifier: Apache-2.0
"""scripts/hardware-check over the fake driver, beside an nvidia-smi that agrees, or does not."""

import ast
import json
import os
import pathlib
import re
import subprocess
import sys

import documents
import pytest
from fake_driver import FakeNvml, eight_gpus
from fake_nvidia_smi import FakeNvidiaSmi
from harness import BINARY, FAKE_NVML, PATIENCE_S, run

SCRIPTS = documents.ROOT / "scripts"
SCRIPT = SCRIPTS / "hardware-check"
LOAD = SCRIPTS / "hardware_check" / "load.py"
FAKE_CUDA = os.environ["KGS_TEST_FAKE_CUDA"]
# Of load.py: half of what the fake CUDA has free.
LOAD_MIB = 20480


class Machine:
    """Two GPUs as a driver and nvidia-smi tell of them, and the report on it."""

    def __init__(self, folder):
        gpus = eight_gpus()[:2]
        for gpu in gpus:
            gpu.keys.update(pcie_tx_kbps=102400, pcie_rx_kbps=204800)
        self.folder = folder
        self.nvml = FakeNvml(folder, gpus)
        self.smi = FakeNvidiaSmi(folder, gpus)
        self.smi.state["dmon"] = [{"txpci": 100, "rxpci": 200} for _ in gpus]
        self.smi.write()
        self.report_file = folder / "report.md"

    def command(self, *arguments, script=SCRIPT, binary=True):
        return [str(script), "--nvml-library", FAKE_NVML, "--nvidia-smi", self.smi.command(),
                "--output", str(self.report_file), *(["--binary", BINARY] if binary else []),
                *arguments]

    def environment(self):
        return {**os.environ, **self.nvml.environment()}

    def check(self, *arguments):
        """The ended process. A short check without a load unless `arguments` say more."""
        return self._ended(self.command("--seconds", "3", "--no-load", *arguments),
                           self.environment())

    def check_in_nothing(self, script):
        """The same by a bundle, in an environment that has nothing but the fake driver's script."""
        return self._ended(self.command("--seconds", "3", "--no-load", script=script, binary=False),
                           {"FAKE_NVML_SCRIPT": str(self.nvml.script)})

    def _ended(self, command, environment):
        return subprocess.run(command, env=environment, cwd=self.folder, text=True,
                              capture_output=True, timeout=2 * PATIENCE_S, check=False)

    def report(self):
        return self.report_file.read_text(encoding="utf-8")

    def verdicts(self, metric):
        """The last cell of each row of that metric in the comparison."""
        part = self.report().partition("## Comparison")[2].partition("\n## ")[0]
        rows = [line.strip("| ").split(" | ") for line in part.splitlines()]
        return [row[-1] for row in rows if len(row) > 2 and row[1] == metric]

    def step(self, what):
        """(verdict, found) of a step."""
        for line in self.report().splitlines():
            cells = line.strip("| ").split(" | ")
            if len(cells) == 3 and cells[0].startswith(what):
                return cells[1], cells[2]
        return None

    def left_out(self):
        return self.report().partition("## What could not be compared or tried")[2] \
            .partition("\n## ")[0]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def offers(flag):
    return flag in run("--help").stdout


def assert_ok(done):
    assert (done.returncode, done.stdout[:3]) == (0, "OK:"), done.stdout + done.stderr


# What agrees and what does not.


def test_agreement(machine):
    assert_ok(machine.check())
    assert "Verdict: OK.\n" in machine.report()
    for metric in ("gpu_utilization", "memory_utilization", "memory_used_mib", "memory_total_mib",
                   "temperature", "power_draw"):
        assert machine.verdicts(metric) == ["OK", "OK"], metric
    assert machine.step("GPUs are those of nvidia-smi") == ("OK", "2 of 2")


def test_report_tells_nothing_private(machine):
    assert_ok(machine.check())
    report = machine.report()
    for secret in (os.uname().nodename, str(machine.folder), str(SCRIPTS), sys.executable,
                   machine.nvml.gpus[0].uuid):
        assert secret not in report
    assert "0, GPU-00000000" in report and "550.54.15" in report and "CUDA of the driver" in report


def test_report_may_be_committed(machine):
    """What test_docs.py asks of a document: no block, and a table's rows of one length."""
    assert_ok(machine.check())
    columns = 0
    for line in machine.report().splitlines():
        assert "```" not in line
        if not line.startswith("|"):
            columns = 0
            continue
        columns = columns or line.count("|")
        assert line.count("|") == columns, line


def test_one_figure_out_of_tolerance(machine):
    machine.smi.gpus[0]["temperature.gpu"] = "43"
    machine.smi.write()
    done = machine.check()
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("OUT OF TOLERANCE:")
    assert "Verdict: OUT OF TOLERANCE.\n" in machine.report()
    assert "1 out of tolerance" in machine.report()
    assert machine.verdicts("temperature") == ["OUT OF TOLERANCE", "OK"]
    assert machine.verdicts("power_draw") == ["OK", "OK"]


def test_every_figure_just_out_of_tolerance(machine):
    """GPU 0 is 10 % busy with 8192 MiB used, 40 degrees, 100 W."""
    wrong = {"utilization.gpu": ("gpu_utilization", "21"),
             "utilization.memory": ("memory_utilization", "16"),
             "memory.used": ("memory_used_mib", "8345"),
             "memory.total": ("memory_total_mib", "81918"),
             "temperature.gpu": ("temperature", "43"), "power.draw": ("power_draw", "123.00")}
    machine.smi.gpus[0].update({column: value for column, (_, value) in wrong.items()})
    machine.smi.write()
    assert machine.check().returncode == 1
    for metric, _ in wrong.values():
        assert machine.verdicts(metric) == ["OUT OF TOLERANCE", "OK"], metric


def test_gpus_that_are_not_the_same(machine):
    machine.smi.gpus[1]["uuid"] = "GPU-99999999-0000-0000-0000-000000000000"
    machine.smi.write()
    assert machine.check().returncode == 1
    verdict, found = machine.step("GPUs are those of nvidia-smi")
    assert verdict == "FAILED" and "GPU-99999999" in found


def test_gpus_that_are_exchanged(machine):
    """Figures are compared by UUID, not by place."""
    for column in ("index", "uuid"):
        first, second = (gpu[column] for gpu in machine.smi.gpus)
        machine.smi.gpus[0][column], machine.smi.gpus[1][column] = second, first
    machine.smi.write()
    assert machine.check().returncode == 1
    assert machine.verdicts("memory_used_mib") == ["OUT OF TOLERANCE"] * 2


# What is missing.


def test_missing_on_both_sides(machine):
    for gpu in machine.nvml.gpus:
        gpu.rules.append("error nvmlDeviceGetPowerUsage 3")
    machine.nvml.write()
    for gpu in machine.smi.gpus:
        gpu["power.draw"] = "[N/A]"
    machine.smi.write()
    assert_ok(machine.check())
    assert machine.verdicts("power_draw") == ["OK (missing on both sides)"] * 2
    assert all(verdict.startswith("OK (missing on both sides;")
               for verdict in machine.verdicts("sm_utilization")), machine.report()


def test_missing_on_our_side_alone(machine):
    machine.nvml.gpus[0].rules.append("error nvmlDeviceGetPowerUsage 3")
    machine.nvml.write()
    assert machine.check().returncode == 1
    assert machine.verdicts("power_draw") == [
        "OUT OF TOLERANCE (the scaler has none, nvidia-smi has)", "OK"]


def test_missing_on_their_side_alone(machine):
    machine.smi.gpus[0]["power.draw"] = "[Not Supported]"
    machine.smi.write()
    assert_ok(machine.check())
    assert machine.verdicts("power_draw") == ["OK"]
    assert "power_draw, on 1 of 2 GPUs: nvidia-smi says that it has none." in machine.left_out()


def test_columns_that_an_old_nvidia_smi_does_not_know(machine):
    machine.smi.state["unknown"] = ["memory.reserved", "temperature.gpu"]
    machine.smi.write()
    assert_ok(machine.check())
    assert "this nvidia-smi does not know temperature.gpu" in machine.left_out()


def test_nothing_compared(machine):
    """Numbers on one side alone are no success."""
    for gpu in machine.smi.gpus:
        gpu.update({name: "[N/A]" for name in gpu if "." in name and name != "mig.mode.current"})
    machine.smi.state["dmon"] = []
    machine.smi.write()
    done = machine.check()
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("NOTHING COMPARED:")


# Rates.


def test_pcie(machine):
    done = machine.check()
    assert_ok(done)
    if offers("--always-read"):
        assert machine.verdicts("pcie_tx_kbps") == machine.verdicts("pcie_rx_kbps") == ["OK", "OK"]
    else:
        assert "pcie_tx_kbps, on 2 of 2 GPUs: not offered by this binary" in machine.left_out()


def with_gpm(machine):
    for gpu in machine.nvml.gpus:
        gpu.keys["gpm"] = 1
        gpu.rules += ["gpm_metric 2 90", "gpm_metric 3 65", "gpm_metric 5 40", "gpm_metric 10 15",
                      "gpm_metric 20 1500", "gpm_metric 21 2500", "gpm_metric 60 512",
                      "gpm_metric 61 819"]
    machine.nvml.write()
    machine.smi.state["gpm"] = True
    for row in machine.smi.state["dmon"]:
        row.update(smutil=90, smocc=65, mmaact=40, dram=15, pcitx=1500, pcirx=2500, nvlrx=0.5,
                   nvltx=0.8)
    machine.smi.write()


GPM = ["sm_utilization", "sm_occupancy", "tensor_utilization", "dram_bandwidth_utilization",
       "pcie_tx_kbps", "pcie_rx_kbps", "nvlink_tx_mbps", "nvlink_rx_mbps"]


def test_gpm(machine):
    """By GPM, not by the 20 ms that dmon's own columns of PCIe are of. No two figures are alike."""
    with_gpm(machine)
    assert_ok(machine.check())
    for metric in GPM:
        assert machine.verdicts(metric) == ["OK", "OK"], metric


def test_gpm_out_of_tolerance(machine):
    with_gpm(machine)
    machine.smi.state["dmon"][0]["mmaact"] = 9
    machine.smi.write()
    assert machine.check().returncode == 1
    assert machine.verdicts("tensor_utilization") == ["OUT OF TOLERANCE", "OK"]
    assert machine.verdicts("dram_bandwidth_utilization") == ["OK", "OK"]


def test_nvlink_by_counters(machine):
    for gpu in machine.nvml.gpus:
        gpu.rules += ["field_rate 138 3 204800", "field_rate 139 3 204800"]
    machine.nvml.write()
    machine.smi.state["nvlink"] = {"0": 204800, "1": 409600}
    machine.smi.write()
    assert machine.check().returncode == 1
    assert machine.verdicts("nvlink_tx_mbps") == ["OK", "OUT OF TOLERANCE"]


# MIG.


def test_mig_devices(machine):
    gpu = machine.nvml.gpus[0]
    gpu.rules += ["mig_mode 1", "mig 0 1 0 1g.10gb", "mig 2 2 0 1g.10gb"]
    machine.nvml.write()
    uuids = [f"MIG-00000000-0000-0000-0000-{slot:012d}" for slot in (0, 2)]
    machine.smi.state["mig"] = {"0": uuids}
    machine.smi.gpus[0].update({"utilization.gpu": "[N/A]", "utilization.memory": "[N/A]",
                                "mig.mode.current": "Enabled"})
    machine.smi.write()
    assert_ok(machine.check())
    assert machine.step("MIG devices are those of nvidia-smi") == ("OK", "2 of 2")
    assert machine.verdicts("gpu_utilization") == ["OK (missing on both sides)", "OK"]
    assert machine.verdicts("power_draw") == ["OK", "OK"]
    # It has the whole GPU's on one side only.
    assert machine.verdicts("memory_used_mib") == ["OK"]
    assert "memory_used_mib, on 1 of 2 GPUs: MIG is enabled" in machine.left_out()

    machine.smi.state["mig"] = {"0": uuids[:1]}
    machine.smi.write()
    assert machine.check().returncode == 1
    assert machine.step("MIG devices are those of nvidia-smi")[0] == "FAILED"


# nvidia-smi that fails, and other errors of whoever runs it.


def assert_refused(done, *words):
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not re.search(r"\d s\b", line)]
    assert len(lines) == 1 and all(word in lines[0] for word in words), done.stderr


def test_no_nvidia_smi(machine):
    assert_refused(machine.check("--nvidia-smi", "no-such-command -x"), "no-such-command",
                   "not found", "--nvidia-smi")
    assert not machine.report_file.exists()


@pytest.mark.parametrize("garbage", ["NVIDIA-SMI has failed", "1, 2, 3", ", ".join("a" * 12)])
def test_garbage_at_once(machine, garbage):
    machine.smi.state["garbage"] = garbage
    machine.smi.write()
    assert_refused(machine.check(), "nvidia-smi answers", garbage)


def test_garbage_later(machine):
    """What is not understood is left out and told; nothing is compared with it."""
    process = subprocess.Popen(machine.command("--seconds", "3", "--no-load"),
                               env=machine.environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    while "nobody else" not in process.stderr.readline():
        assert process.poll() is None
    machine.smi.state["garbage"] = "0, GPU is on fire"
    machine.smi.write()
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, output
    assert machine.verdicts("power_draw") == []
    assert "not understood" in machine.left_out() and "GPU is on fire" in machine.left_out()


def test_a_number_that_is_none(machine):
    machine.smi.gpus[0]["power.draw"] = "plenty"
    machine.smi.write()
    assert_ok(machine.check())
    assert machine.verdicts("power_draw") == ["OK"]
    assert "not understood" in machine.left_out()


@pytest.mark.parametrize("arguments, words", [
    (["--binary", "/no/such/file"], ["--binary", "no such file"]),
    (["--binary", "/bin/false"], ["/bin/false --help", "status 1"]),
])
def test_no_binary(machine, arguments, words):
    done = machine.check(*arguments)
    assert done.returncode == 2 and all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize("arguments", [["--seconds", "2"], ["--load", "true", "--no-load"],
                                       ["bundle"], ["run", "somewhere"], ["--nonsense"]])
def test_usage(arguments):
    done = subprocess.run([str(SCRIPT), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "usage:" in done.stderr


# Costs and letting go.


def test_cost_of_calls(machine):
    assert_ok(machine.check())
    costs = machine.report().partition("## Cost of driver calls")[2].partition("\n## ")[0]
    if "keda_gpu_scaler_driver_calls_total" in (documents.ROOT / "docs" / "metrics.md").read_text():
        assert re.search(r"\| nvml \| nvmlDeviceGetPowerUsage \| \d+ \| [\d.]+ \| [\d.]+ \|", costs)
    else:
        assert "not offered by this binary" in costs
    assert re.search(r"\| Loaded \|.* \| [\d.]+ \|$", costs, re.MULTILINE)


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
    assert not pathlib.Path(f"/proc/{mark.read_text().strip()}").exists()


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
