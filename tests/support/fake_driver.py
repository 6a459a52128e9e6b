# SPDX-License-Identifier: Apache-2.0
"""Writes the scripts of the fake libraries (tests/fake_nvml/README.md) and reads their counts."""

from pathlib import Path


class Gpu:
    """The lines of one GPU in the driver's script: `gpu.keys["gpu_util"] = 55`."""

    def __init__(self, index, **keys):
        self.keys = {"uuid": f"GPU-00000000-0000-0000-0000-{index:012d}", **keys}
        self.rules = []
        self.lost = False
        # MIG devices. The driver says that MIG is enabled while there are any; that it may be, where
        # keys has mig_mode.
        self.migs = []

    @property
    def uuid(self):
        return self.keys["uuid"]

    def lines(self):
        yield "gpu"
        yield from (f"{key} {value}" for key, value in self.keys.items())
        yield from self.rules
        if self.lost:
            yield "lost"
        if self.migs:
            yield "mig_mode 1"
        for mig in self.migs:
            yield from mig.lines()


class Mig:
    """The lines of one MIG device: `Mig(0, 7, "1g.10gb", memory_used_mib=512)`."""

    def __init__(self, slot, gpu_instance, profile, compute_instance=0, **keys):
        self.place = f"mig {slot} {gpu_instance} {compute_instance} {profile}"
        self.keys = {"uuid": f"MIG-00000000-0000-0000-0000-{slot:012d}", **keys}
        self.rules = []

    @property
    def uuid(self):
        return self.keys["uuid"]

    def lines(self):
        yield self.place
        yield from (f"{key} {value}" for key, value in self.keys.items())
        yield from self.rules


def gpm(metrics):
    """What GPM says, by the number of its metric."""
    return [f"gpm_metric {number} {value}" for number, value in metrics.items()]


def eight_gpus():
    """GPU i: (i+1)*10 % busy, i*5 % memory busy, (i+1)*8 GiB of 80 used, 40+i C, 100+10i W."""
    return [
        Gpu(
            i,
            gpu_util=(i + 1) * 10,
            mem_util=i * 5,
            memory_total_mib=81920,
            memory_used_mib=(i + 1) * 8192,
            temperature=40 + i,
            power_mw=(100 + 10 * i) * 1000,
        )
        for i in range(8)
    ]


class FakeDriver:
    """The script of a fake library. Change the members, then `write()`."""

    # Of the environment variables: FAKE_NVML_SCRIPT.
    prefix = ""

    def __init__(self, directory, gpus, driver):
        self.script = Path(directory) / f"{self.prefix.lower()}_script"
        self.calls_file = Path(directory) / f"{self.prefix.lower()}_calls"
        self.gpus = gpus
        self.driver = driver
        # For the driver and every GPU: "error SYMBOL CODE", "hang SYMBOL", "delay SYMBOL MS".
        self.rules = []
        self._padding = ""
        self.write()

    def write(self):
        """Replaces the script at once. The next driver call heeds it."""
        # Every version differs in size, which no clock's grain can hide.
        self._padding += "#"
        lines = [f"driver {self.driver}", *self.rules]
        for gpu in self.gpus:
            lines += gpu.lines()
        following = self.script.with_suffix(".next")
        following.write_text("\n".join([*lines, self._padding, ""]))
        following.replace(self.script)

    def environment(self):
        return {
            f"{self.prefix}_SCRIPT": str(self.script),
            f"{self.prefix}_CALLS": str(self.calls_file),
        }

    def calls(self, symbol):
        """How often the driver's function was called so far."""
        if not self.calls_file.exists():
            return 0
        for line in self.calls_file.read_text().splitlines():
            name, count = line.split()
            if name == symbol:
                return int(count)
        return 0


class FakeNvml(FakeDriver):
    """NVIDIA's; eight_gpus() unless told."""

    prefix = "FAKE_NVML"

    def __init__(self, directory, gpus=None):
        super().__init__(directory, eight_gpus() if gpus is None else gpus, "550.54.15")


class AmdGpu:
    """The lines of one GPU in the script of the fake ROCm SMI."""

    def __init__(self, index, **keys):
        self.keys = {"pci": f"0000:{index + 3:02x}:00.0", "unique_id": f"{0xa0 + index:x}", **keys}
        self.rules = []

    @property
    def uuid(self):
        return f"GPU-{int(self.keys['unique_id'], 16):016x}"

    def lines(self):
        yield "gpu"
        yield from (f"{key} {value}" for key, value in self.keys.items())
        yield from self.rules


class FakeRocm(FakeDriver):
    """AMD's (tests/fake_rocm/README.md)."""

    prefix = "FAKE_ROCM"

    def __init__(self, directory, gpus):
        super().__init__(directory, gpus, "6.8.5")
