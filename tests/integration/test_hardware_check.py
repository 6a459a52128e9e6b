# SPDX-License-Identifier: Apache-2.0
"""scripts/hardware-check beside an nvidia-smi that agrees, or does not: figures and verdicts."""

import os
import re
import subprocess
import sys

import pytest
from gpu_machine import SCRIPT, SCRIPTS, Machine, assert_ok, offers
from harness import PATIENCE_S


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


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
        assert not re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", report), secret
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
    # So long that it matters little when exactly the two counts were made.
    assert machine.check("--seconds", "8").returncode == 1
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
    """What is not understood is left out; where it is all of it, the check failed."""
    process = subprocess.Popen(machine.command("--seconds", "3", "--no-load"),
                               env=machine.environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    while "nobody else" not in process.stderr.readline():
        assert process.poll() is None
    machine.smi.state["garbage"] = "0, GPU is on fire"
    machine.smi.write()
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, output
    assert output.startswith("FAILED:")
    assert machine.verdicts("power_draw") == []
    verdict, found = machine.step("nvidia-smi's query")
    assert verdict == "FAILED" and "GPU is on fire" in found


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
