# SPDX-License-Identifier: Apache-2.0
"""Nodes with AMD GPUs, real ROCm SMI or a fake one, as the tests of this folder use them."""

import os

import fake_sysfs
import pytest
from fake_driver import AmdGpu, FakeRocm
from fake_sysfs import FakeSysfs
from harness import Scaler

FAKE_ROCM = os.environ["KGS_TEST_FAKE_ROCM"]
# What NVML says of a node without NVIDIA's driver.
NO_NVML = ("--nvml-library", "/nonexistent/libnvidia-ml.so.1")
NVIDIA_GPU = ("0x10de", "0x030200")


def require_private_sys():
    """Skips what needs a /sys that only the test's processes see."""
    reason = fake_sysfs.why_not()
    if reason:
        pytest.skip(reason)


class AmdNode:
    """A node whose AMD GPUs show (index + 1) * 10 percent, at 0000:03:00.0 and on."""

    def __init__(self, folder, gpus=2):
        self.sysfs = FakeSysfs(folder / "sys")
        self.rocm = FakeRocm(folder, [AmdGpu(i, busy=(i + 1) * 10) for i in range(gpus)])
        if gpus:
            self.sysfs.add_kfd()
        for index in range(gpus):
            self.sysfs.add_card(index, self.rocm.gpus[index].keys["pci"])

    def scaler(self, *arguments, fake=None, library=FAKE_ROCM):
        """Standalone, on this node. `fake`: NVIDIA's driver is there too."""
        return Scaler("--rocm-library", library, *arguments, fake=fake,
                      env=self.rocm.environment(), prefix=self.sysfs.command)
