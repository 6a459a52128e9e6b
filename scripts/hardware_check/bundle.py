# SPDX-License-Identifier: Apache-2.0
"""Puts into one folder what a machine needs that has nothing but a driver and Python."""

import os
import pathlib
import re
import shutil
import subprocess

from hardware_check.basics import Problem

MOST_BYTES = 64 << 20
# Parts of the C library have to be those of the machine's own loader; the driver is the machine's.
_OF_THE_MACHINE = re.compile(r"(ld-linux|linux-vdso|lib(c|m|pthread|dl|rt|resolv|util|anl)\.so|"
                             r"libnvidia-ml|libcuda)")


def libraries_of(binary):
    """The files of every shared library that the binary needs and the machine does not bring."""
    done = subprocess.run(["ldd", str(binary)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, check=False)
    if done.returncode != 0:
        raise Problem(f"ldd {binary}: {done.stdout.strip()}")
    missing = re.findall(r"^\s*(\S+) => not found", done.stdout, re.MULTILINE)
    if missing:
        raise Problem(f"{binary} does not run on this machine either: {', '.join(missing)} missing")
    found = re.findall(r"^\s*(\S+) => (/\S+) \(", done.stdout, re.MULTILINE)
    return {name: path for name, path in found if not _OF_THE_MACHINE.match(name)}


def make(folder, binary):
    """Fills the folder, which must be new or empty. Returns its size in bytes."""
    folder = pathlib.Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Problem(f"{folder}: is there already; give a folder that is new or empty")
    package = pathlib.Path(__file__).resolve().parent
    (folder / "lib").mkdir(parents=True)
    (folder / package.name).mkdir()
    shutil.copy(package.parent / "hardware-check", folder / "hardware-check")
    for file in sorted(package.glob("*.py")):
        shutil.copy(file, folder / package.name / file.name)
    copied = [folder / "keda-gpu-scaler"]
    shutil.copy(binary, copied[0])
    for name, path in libraries_of(binary).items():
        copied.append(folder / "lib" / name)
        shutil.copyfile(path, copied[-1])
    if shutil.which("strip"):
        # What cannot be stripped stays as it is.
        subprocess.run(["strip", "--strip-unneeded", *map(str, copied)], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
    size = sum(os.path.getsize(file) for file in folder.glob("**/*") if file.is_file())
    if size > MOST_BYTES:
        raise Problem(f"the bundle has {size / (1 << 20):.1f} MiB, more than "
                      f"{MOST_BYTES >> 20}: is the binary one of `scripts/build release`?")
    return size
