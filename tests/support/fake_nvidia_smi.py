# SPDX-License-Identifier: Apache-2.0
"""A command that answers as nvidia-smi does, with the numbers that a test gives it.

As a program: fake_nvidia_smi.py STATE ARGUMENTS, where STATE is a file of JSON, read for each line:
`gpus` (dictionaries of query columns), `dmon` (rows of columns by name, or nothing for one whose
dmon fails), `gpm` (whether dmon has GPM), `nvlink` (KiB a second by GPU), `unknown` (query columns
it does not know), `mig` (UUIDs by GPU), `garbage` (a line to write in place of rows)."""

import json
import pathlib
import shlex
import sys
import time

_HEADS = {"2": "smutil", "3": "smocc", "5": "mmaact", "10": "dram", "20": "pcitx", "21": "pcirx",
          "60": "nvlrx", "61": "nvltx"}


class FakeNvidiaSmi:
    """The state of one. Change the members, then `write()`."""

    def __init__(self, folder, gpus):
        """`gpus` are a FakeNvml's; it says the same of them until told otherwise."""
        self._file = pathlib.Path(folder) / "nvidia-smi.json"
        self.state = {"gpus": [_row(index, gpu) for index, gpu in enumerate(gpus)], "dmon": [],
                      "gpm": False, "nvlink": {}, "unknown": [], "mig": {}, "garbage": ""}
        self.write()

    @property
    def gpus(self):
        return self.state["gpus"]

    def write(self):
        following = self._file.with_suffix(".next")
        following.write_text(json.dumps(self.state))
        following.replace(self._file)

    def command(self):
        return shlex.join([sys.executable, __file__, str(self._file)])


def _row(index, gpu):
    keys = gpu.keys
    return {"index": str(index), "uuid": gpu.uuid, "name": keys.get("name", "NVIDIA Fake GPU"),
            "driver_version": "550.54.15", "utilization.gpu": str(keys.get("gpu_util", 0)),
            "utilization.memory": str(keys.get("mem_util", 0)),
            "memory.total": str(keys.get("memory_total_mib", 81920)),
            "memory.used": str(keys.get("memory_used_mib", 0)),
            "memory.reserved": "0", "temperature.gpu": str(keys.get("temperature", 40)),
            "power.draw": f"{keys.get('power_mw', 60000) / 1000:.2f}",
            "mig.mode.current": "[N/A]"}


def _query(state, columns):
    unknown = [column for column in columns if column in state["unknown"]]
    if unknown:
        print(f'Field "{unknown[0]}" is not a valid field to query.\n')
        return 2
    if state["garbage"]:
        print(state["garbage"])
        return 0
    for gpu in state["gpus"]:
        print(", ".join(gpu[column] for column in columns))
    return 0


def _dmon(state, arguments):
    metrics = arguments[arguments.index("--gpm-metrics") + 1].split(",") if \
        "--gpm-metrics" in arguments else []
    if not state["dmon"] or (metrics and not state["gpm"]):
        print("Not supported on the device(s)\nFailed to process command line.")
        return 3
    names = ["rxpci", "txpci"] + [_HEADS[metric] for metric in metrics]
    print("# gpu " + " ".join(f"{name:>6}" for name in names))
    units = {name: "GB/s" if name.startswith("nvl") else "MB/s" for name in names}
    print("# Idx " + " ".join(f"{units[name]:>6}" for name in names))
    for index, row in enumerate(state["dmon"]):
        print(f"{index:5} " + " ".join(f"{row.get(name, '-'):>6}" for name in names))
    return 0


def _nvlink(state):
    for index, gpu in enumerate(state["gpus"]):
        print(f"GPU {index}: {gpu['name']} (UUID: {gpu['uuid']})")
        rate = state["nvlink"].get(str(index))
        for link in range(2) if rate is not None else []:
            for way in ("Tx", "Rx"):
                print(f"\t Link {link}: Data {way}: {int(rate * time.monotonic() / 2)} KiB")
    return 0


def _list(state):
    for index, gpu in enumerate(state["gpus"]):
        print(f"GPU {index}: {gpu['name']} (UUID: {gpu['uuid']})")
        for place, uuid in enumerate(state["mig"].get(str(index), [])):
            print(f"  MIG 1g.10gb     Device  {place}: (UUID: {uuid})")
    return 0


def _answer(state, arguments):
    first = arguments[0] if arguments else ""
    if first.startswith("--query-gpu="):
        return _query(state, first.partition("=")[2].split(","))
    if first == "dmon":
        return _dmon(state, arguments)
    if first == "nvlink":
        return _nvlink(state)
    if first == "-L":
        return _list(state)
    print("| NVIDIA-SMI 550.54.15    Driver Version: 550.54.15    CUDA Version: 12.4     |")
    return 0


def main(file, *arguments):
    goes_on = "-lms" in arguments or ("dmon" in arguments and "-c" not in arguments)
    while True:
        status = _answer(json.loads(pathlib.Path(file).read_text()), arguments)
        sys.stdout.flush()
        if not goes_on or status != 0:
            return status
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
