# SPDX-License-Identifier: Apache-2.0
"""What nvidia-smi says: once, and over time.

Its output is meant for people and changes between drivers, so that everything here is read by names
where it has names, and what is not understood is counted and told, never guessed.
"""

import csv
import os
import pty
import re
import shlex
import shutil
import subprocess
import threading
import time

from hardware_check.basics import Problem, public_words

ANSWER_S = 60
# Names of --query-gpu that cannot be done without.
IDENTITY = ["index", "uuid", "name", "driver_version"]
# Those that are compared or told. What this nvidia-smi does not know is left out.
FIGURES = ["utilization.gpu", "utilization.memory", "memory.total", "memory.used",
           "memory.reserved", "temperature.gpu", "power.draw", "mig.mode.current"]
# GPM metrics of nvml.h by what we call their columns, in the order in which dmon is asked.
GPM = {"gpm.sm": 2, "gpm.occupancy": 3, "gpm.tensor": 5, "gpm.dram": 10, "gpm.pcie_tx": 20,
       "gpm.pcie_rx": 21, "gpm.nvlink_rx": 60, "gpm.nvlink_tx": 61}
_NO_VALUE = re.compile(r"\[?(N/A|Not Supported|Not Available|Unknown Error|GPU requires reset|"
                       r"Insufficient Permissions|GPU is lost|-)\]?$", re.IGNORECASE)


def figure(text):
    """The number, or None for one that is said to be missing. ValueError for anything else."""
    text = text.strip()
    return None if _NO_VALUE.match(text) else float(text)


class Stream:
    """A command that goes on, its lines given to `take(line)`, which returns whether it understood.

    On a terminal of its own, since a program that writes into a pipe keeps lines back."""

    def __init__(self, command, take):
        self._take = take
        self.lines = 0
        self.strange_lines = 0
        self.first_strange = ""
        self._stopped = False
        master, slave = pty.openpty()
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave,
                                             stderr=slave)
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        self._thread = threading.Thread(target=self._read, args=(master,), daemon=True)
        self._thread.start()

    def _read(self, master):
        with os.fdopen(master, "r", encoding="utf-8", errors="replace") as lines:
            try:
                for line in lines:
                    line = line.strip()
                    if not line or self._stopped:
                        continue
                    if not self._take(line):
                        self.strange_lines += 1
                        self.first_strange = self.first_strange or public_words(line)
                    self.lines += 1
            except OSError:
                pass  # How a terminal ends whose other side is closed.

    def ended(self):
        """Its exit status, or None while it goes on."""
        return self._process.poll()

    def stop(self):
        self._stopped = True
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._thread.join(timeout=5)


class NvidiaSmi:
    """One that answers, by command. Raises Problem where it does not."""

    def __init__(self, command):
        self._command = shlex.split(command)
        if not self._command or shutil.which(self._command[0]) is None:
            raise Problem(f"{command!r} is not found; nvidia-smi comes with the driver, "
                          "--nvidia-smi tells where it is")
        self._fields = IDENTITY + FIGURES
        self.gpus = self._first_query()

    def _run(self, *arguments):
        """(status, output with errors)."""
        try:
            done = subprocess.run(self._command + list(arguments), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  universal_newlines=True, errors="replace", timeout=ANSWER_S,
                                  check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Problem(f"nvidia-smi: {error}") from error
        return done.returncode, done.stdout

    def _query_arguments(self):
        return ["--query-gpu=" + ",".join(self._fields), "--format=csv,noheader,nounits"]

    def _first_query(self):
        """By UUID, the answers of every GPU by name; leaves out names that it does not know."""
        while True:
            status, output = self._run(*self._query_arguments())
            unknown = re.search(r'Field "([^"]+)" is not a valid field', output)
            if not unknown or unknown[1] not in FIGURES or unknown[1] not in self._fields:
                break
            self._fields.remove(unknown[1])
        rows = [self._row(line) for line in output.splitlines() if line.strip()]
        if status != 0 or not rows or None in rows:
            raise Problem(f"nvidia-smi answers a question for {len(self._fields)} columns with "
                          f"status {status}: {public_words(output) or 'nothing'}")
        return {row["uuid"]: row for row in rows}

    def _row(self, line):
        """The answers by name, or None for a line that is not a row."""
        cells = [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True), [])]
        if len(cells) != len(self._fields):
            return None
        row = dict(zip(self._fields, cells))
        return row if row["index"].isdigit() and "GPU-" in row["uuid"] else None

    def unknown_fields(self):
        """What it was to be asked and does not know."""
        return [name for name in FIGURES if name not in self._fields]

    def watch_query(self, recording):
        """Records every figure of every GPU each second, until the stream is stopped."""
        def take(line):
            now = time.monotonic()
            row = self._row(line)
            if row is None or row["uuid"] not in self.gpus:
                return False
            try:
                values = {name: figure(row[name]) for name in self._fields
                          if name in FIGURES and name != "mig.mode.current"}
            except ValueError:
                return False
            for name, value in values.items():
                recording.add(now, row["uuid"], name, value)
            return True
        return Stream(self._command + self._query_arguments() + ["-lms", "1000"], take)

    def watch_dmon(self, recording):
        """(stream, why there is no GPM): PCIe rates each second, and GPM where dmon has it."""
        arguments = ["dmon", "-s", "t", "-d", "1"]
        gpm = ["--gpm-metrics", ",".join(map(str, GPM.values())), "--gpm-options", "d"]
        status, output = self._run(*arguments, *gpm, "-c", "1")
        why = "" if status == 0 and "#" in output else (public_words(output) or f"status {status}")
        if why:
            status, output = self._run(*arguments, "-c", "1")
            if status != 0 or "#" not in output:
                return None, public_words(output) or f"status {status}"
        reader = DmonReader(self._by_index(), recording, [] if why else list(GPM))
        return Stream(self._command + arguments + ([] if why else gpm), reader.take), why

    def _by_index(self):
        return {int(row["index"]): uuid for uuid, row in self.gpus.items()}

    def nvlink_counters(self):
        """By UUID and direction (nvlink.tx, nvlink.rx) KiB since the driver counts, over all links;
        None for a GPU without. Empty where nvidia-smi does not tell."""
        status, output = self._run("nvlink", "-gt", "d")
        if status != 0:
            return {}
        counters = {(uuid, f"nvlink.{way}"): None for uuid in self.gpus for way in ("tx", "rx")}
        uuid = None
        for line in output.splitlines():
            gpu = re.match(r"GPU \d+: .*\(UUID: (GPU-[^)]+)\)", line)
            link = re.match(r"\s*Link \d+: Data (Tx|Rx): ([\d,]+) KiB\s*$", line)
            if gpu:
                uuid = gpu[1]
            elif link and uuid:
                key = (uuid, f"nvlink.{link[1].lower()}")
                counters[key] = (counters.get(key) or 0) + int(link[2].replace(",", ""))
        return counters

    def mig_uuids(self):
        """UUIDs of the MIG devices that it lists."""
        return set(re.findall(r"UUID: (MIG-[^)\s]+)", self._run("-L")[1]))

    def cuda_version(self):
        """The driver's, from the head of its table, or None."""
        found = re.search(r"CUDA(?: UMD)? Version:\s*([\d.]+)", self._run()[1])
        return found[1] if found else None


class DmonReader:
    """Reads dmon's table by the names and units in its head. GPM columns follow those of `-s` in
    the order that was asked for. Rates are recorded as MiB/s, or MB/s: dmon does not tell which."""

    _UNITS = {"KB/s": 1 / 1024, "KiB/s": 1 / 1024, "GB/s": 1024, "GiB/s": 1024}
    _OWN = {"rxpci": "dmon.rxpci", "txpci": "dmon.txpci"}
    # What dmon is known to call some of them; other names differ between drivers.
    _KNOWN = {"smutil": "gpm.sm", "smocc": "gpm.occupancy", "pcitx": "gpm.pcie_tx",
              "pcirx": "gpm.pcie_rx", "nvlrx": "gpm.nvlink_rx", "nvltx": "gpm.nvlink_tx"}

    def __init__(self, uuid_by_index, recording, gpm_columns):
        self._uuids = uuid_by_index
        self._recording = recording
        self._gpm = gpm_columns
        self._columns = None
        self._factors = []

    def take(self, line):
        if line.startswith("#"):
            return self._take_head(line.lstrip("#").split())
        cells = line.split()
        if self._columns is None or len(cells) != len(self._columns):
            return False
        now = time.monotonic()
        try:
            uuid = self._uuids[int(cells[self._columns.index("gpu")])]
            values = [(name, figure(cell), factor)
                      for name, cell, factor in zip(self._columns, cells, self._factors)
                      if name and name != "gpu"]
        except (ValueError, KeyError):
            return False
        for name, value, factor in values:
            self._recording.add(now, uuid, name, None if value is None else value * factor)
        return True

    def _take_head(self, names):
        if "gpu" not in names:
            if len(names) == len(self._factors):
                self._factors = [self._UNITS.get(unit, 1) for unit in names]
            return True
        columns = ["gpu" if name == "gpu" else self._OWN.get(name) for name in names]
        rest = [place for place, name in enumerate(columns) if name is None]
        named = {place: self._KNOWN[names[place]] for place in rest if names[place] in self._KNOWN}
        by_place = dict(zip(rest, self._gpm)) if len(rest) == len(self._gpm) else {}
        # Names that speak against the order leave nothing but the names.
        chosen = by_place if named.items() <= by_place.items() else named
        for place, column in chosen.items():
            columns[place] = column
        self._columns = columns
        self._factors = [1] * len(columns)
        return True
