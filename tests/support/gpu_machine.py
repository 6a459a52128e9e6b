# SPDX-License-Identifier: Apache-2.0
"""A machine with two GPUs, as scripts/hardware-check finds it: fake driver, fake nvidia-smi."""

import os
import subprocess

import documents
from fake_driver import FakeNvml, eight_gpus
from fake_nvidia_smi import FakeNvidiaSmi
from program import BINARY, FAKE_NVML, PATIENCE_S, run

SCRIPTS = documents.ROOT / "scripts"
SCRIPT = SCRIPTS / "hardware-check"


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


def offers(flag):
    return flag in run("--help").stdout


def assert_ok(done):
    assert (done.returncode, done.stdout[:3]) == (0, "OK:"), done.stdout + done.stderr
