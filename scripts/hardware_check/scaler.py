# SPDX-License-Identifier: Apache-2.0
"""The scaler under check: one process of the binary, its log and its pages."""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

from hardware_check.basics import Problem

PREFIX = "keda_gpu_scaler_"
START_S = 60
STOP_S = 10
# Metrics whose reading may block, so that they are read only where somebody asks.
SLOW_METRICS = "pcie_tx_kbps,pcie_rx_kbps"


def parse_metrics(text):
    """Prometheus' text format: (name without our prefix, labels, value) of every series."""
    found = []
    for line in text.splitlines():
        match = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
        if line.startswith("#") or not match or not match[1].startswith(PREFIX):
            continue
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
        found.append((match[1][len(PREFIX):], labels, float(match[3])))
    return found


class Page:
    """What /metrics said at one time."""

    def __init__(self, series):
        self.series = series

    def all(self, name, **labels):
        """(labels, value) of each series of that name with these labels."""
        return [(found, value) for series, found, value in self.series
                if series == name and labels.items() <= found.items()]

    def one(self, name, **labels):
        """The value of the first, or None."""
        found = self.all(name, **labels)
        return found[0][1] if found else None

    def gpus(self):
        """UUIDs of the GPUs and MIG devices that it knows of."""
        return {labels["gpu_uuid"] for labels, _ in self.all("gpu_info")}


class Scaler:
    """Use as a context manager: ends the process."""

    def __init__(self, binary, nvml_library):
        self.binary = pathlib.Path(binary)
        self._nvml_library = nvml_library
        self._lines = []
        self.process = None
        self._help = self._ask("--help")
        self.version = self._ask("--version").strip()
        self.always_reads = self.offers("--always-read")

    def _environment(self):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith("KGS_") and not name.lower().endswith("_proxy")}
        # A bundle has the binary's libraries beside it (bundle.py).
        libraries = self.binary.parent / "lib"
        if libraries.is_dir():
            kept["LD_LIBRARY_PATH"] = str(libraries)
        return kept

    def _ask(self, flag):
        try:
            done = subprocess.run([str(self.binary), flag], env=self._environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  universal_newlines=True, timeout=START_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Problem(f"{self.binary}: does not run here: {error}") from error
        if done.returncode != 0:
            raise Problem(f"{self.binary} {flag}: status {done.returncode}: {done.stderr.strip()}\n"
                          "It needs the C library of Debian 12 or a later one, and its other "
                          "libraries (see `scripts/hardware-check bundle`)")
        return done.stdout

    def offers(self, flag):
        """Whether the binary knows the flag: older ones lack what newer ones have."""
        return re.search(rf"(?<![\w-]){flag}(?![\w-])", self._help) is not None

    def __enter__(self):
        command = [str(self.binary), "--kubeconfig", "none", "--bind-address", "127.0.0.1",
                   "--port", "auto", "--metrics-port", "auto", "--probe-port", "auto",
                   "--debug-port", "0", "--gpu-backend", "nvml", "--log-format", "json"]
        if self._nvml_library:
            command += ["--nvml-library", self._nvml_library]
        if self.always_reads:
            command += ["--always-read", SLOW_METRICS]
        if self.offers("--driver-release-time"):
            # So long that it is SIGUSR2 that ends it.
            command += ["--driver-release-time", "10m"]
        self.process = subprocess.Popen(command, env=self._environment(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        universal_newlines=True)
        threading.Thread(target=self._read_log, daemon=True).start()
        try:
            self._wait_serving()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def _read_log(self):
        for line in self.process.stderr:
            try:
                self._lines.append(json.loads(line))
            except ValueError:
                self._lines.append({"message": line.strip(), "level": "error"})

    def _wait_serving(self):
        deadline = time.monotonic() + START_S
        while True:
            serving = [line for line in self._lines if line.get("message") == "serving"]
            if serving:
                self._metrics_port = int(serving[0]["metrics_port"])
                return
            self.check_alive()
            if time.monotonic() > deadline:
                raise Problem(f"the scaler does not serve within {START_S} s")
            time.sleep(0.05)

    def check_alive(self):
        """Raises Problem, with the end of its log, where it has ended."""
        if self.process.poll() is not None:
            raise Problem(f"the scaler ended with status {self.process.returncode}: "
                          f"{self.last_trouble()}")

    def last_trouble(self):
        """The last line of its log that warns or errs."""
        for line in reversed(list(self._lines)):
            if line.get("level") in ("warn", "warning", "error", "critical"):
                return " ".join(str(value) for key, value in line.items()
                                if key not in ("time", "level"))
        return "its log has no warning"

    def page(self):
        """/metrics at this moment."""
        self.check_alive()
        connection = http.client.HTTPConnection("127.0.0.1", self._metrics_port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            body = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            self.check_alive()
            raise Problem(f"the scaler's /metrics does not answer: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise Problem(f"the scaler's /metrics answers with status {response.status}")
        return Page(parse_metrics(body))

    def wait_page(self, condition, seconds):
        """The first page that the condition is true of, or None when the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            page = self.page()
            if condition(page):
                return page
            if time.monotonic() > deadline:
                return None
            time.sleep(0.1)

    def open_devices(self):
        """How many of its open files are the driver's: /dev/nvidia0, /dev/nvidiactl ..."""
        count = 0
        folder = f"/proc/{self.process.pid}/fd"
        for name in os.listdir(folder):
            try:
                count += os.readlink(f"{folder}/{name}").startswith("/dev/nvidia")
            except OSError:
                continue  # Closed meanwhile.
        return count

    def __exit__(self, kind, error, traceback):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
