# SPDX-License-Identifier: Apache-2.0
"""A folder that looks like /sys on a node with AMD GPUs, and processes that see it there."""

import ctypes
import os
import shlex
import subprocess
from pathlib import Path

_REAL_ROCM = "librocm_smi64.so.1"


class FakeSysfs:
    """As Debian's ROCm SMI 5.2.3 needs it: each file here is one that it opens, and rsmi_init fails
    or leaves the card out without it."""

    def __init__(self, root):
        self.root = Path(root)
        for folder in ("class/drm", "class/hwmon", "bus/pci/devices", "bus/event_source/devices",
                       "devices/pci0000:00"):
            (self.root / folder).mkdir(parents=True)

    def add_kfd(self):
        """The compute driver, with its node of the CPU."""
        self._add_kfd_node(0, gpu_id=0, properties={})
        (self.root / "class/kfd/kfd/proc").mkdir()

    def _add_kfd_node(self, number, gpu_id, properties):
        node = self.root / f"class/kfd/kfd/topology/nodes/{number}"
        (node / "io_links").mkdir(parents=True)
        (node / "gpu_id").write_text(f"{gpu_id}\n")
        (node / "name").write_text("\n")
        (node / "properties").write_text(
            "".join(f"{key} {value}\n" for key, value in properties.items()))

    def add_pci(self, address, vendor, device_class):
        """A device on the PCI bus."""
        device = self.root / "devices/pci0000:00" / address
        device.mkdir()
        (device / "vendor").write_text(f"{vendor}\n")
        (device / "class").write_text(f"{device_class}\n")
        (self.root / "bus/pci/devices" / address).symlink_to(
            f"../../../devices/pci0000:00/{address}")
        return device

    def add_card(self, number, address, **files):
        """An AMD GPU as cardN, and the compute driver's node N + 1. `files` of the card's folder,
        or of hwmon where their names begin so ("hwmon_power1_average"); None leaves one out."""
        device = self.add_pci(address, "0x1002", "0x120000")
        (device / f"drm/card{number}").mkdir(parents=True)
        (device / f"drm/card{number}/device").symlink_to("../../../" + address)
        (device / f"drm/renderD{128 + number}").mkdir()
        self.link_card(number, address)
        content = {"vbios_version": "113-D65209-073", "device": "0x740f", "gpu_busy_percent": 0,
                   "mem_busy_percent": 0, "mem_info_vram_total": 64 << 30,
                   "mem_info_vram_used": 0, "unique_id": f"{0xc0ffee00 + number:016x}",
                   "pcie_bw": "0 0 256", "hwmon_name": "amdgpu",
                   "hwmon_power1_average": 90000000, "hwmon_temp1_label": "edge",
                   "hwmon_temp1_input": 41000, "hwmon_temp2_label": "junction",
                   "hwmon_temp2_input": 52000, "hwmon_temp3_label": "mem",
                   "hwmon_temp3_input": 48000, "hwmon_in0_label": "vddgfx",
                   "hwmon_in0_input": 800, **files}
        (device / f"hwmon/hwmon{number}").mkdir(parents=True)
        for name, value in content.items():
            if value is not None:
                self.set(address, name, value)
        domain, bus, rest = address.split(":")
        slot, function = rest.split(".")
        self._add_kfd_node(number + 1, 1000 + number, {
            "location_id": int(bus, 16) << 8 | int(slot, 16) << 3 | int(function, 16),
            "domain": int(domain, 16), "hive_id": 0, "simd_count": 416, "array_count": 4,
            "simd_arrays_per_engine": 1, "cu_per_simd_array": 14,
            "drm_render_minor": 128 + number})
        return device

    def set(self, address, name, value):
        """The file of the card says this from now on."""
        device = self.root / "devices/pci0000:00" / address
        file = device / name
        if name.startswith("hwmon_"):
            file = next((device / "hwmon").iterdir()) / name.removeprefix("hwmon_")
        # In place and short: a reader sees the old or the new.
        file.write_text(f"{value}\n")

    def link_card(self, number, address):
        """The card's folder is there: it is plugged in."""
        (self.root / f"class/drm/card{number}").symlink_to(
            f"../../devices/pci0000:00/{address}/drm/card{number}")

    def remove_card(self, number):
        """Unplugged."""
        (self.root / f"class/drm/card{number}").unlink()

    def command(self, command):
        """What to run so that `command` sees this folder as /sys, in the same process. The real
        library's locks in /dev/shm are its own too, as in a pod."""
        mount = (f"mount --bind {shlex.quote(str(self.root))} /sys && "
                 'mount -t tmpfs tmpfs /dev/shm && exec "$@"')
        return [*_unshare(), "sh", "-c", mount, "sh", *command]


def _unshare():
    return ["unshare", "-m", "--propagation", "private"] + (
        [] if os.geteuid() == 0 else ["-r"])


def why_not():
    """Why no process can see another /sys here; None where one can."""
    try:
        probe = "mount --bind /sys /sys && mount -t tmpfs tmpfs /dev/shm"
        done = subprocess.run([*_unshare(), "sh", "-c", probe],
                              capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no unshare (util-linux)"
    if done.returncode:
        return f"no private mount namespace is allowed: {done.stderr.strip()}"
    return None


def why_no_real_rocm():
    """Why the real ROCm SMI cannot be tried; None where it can."""
    try:
        ctypes.CDLL(_REAL_ROCM)
    except OSError as error:
        return f"Debian's librocm-smi64-1 is not installed: {error}"
    return None
