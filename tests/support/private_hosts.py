# SPDX-License-Identifier: Apache-2.0
"""A name with several addresses, for processes that see an /etc/hosts of their own."""

import os
import shlex
import subprocess


class PrivateHosts:
    """`name` means `addresses` to what is started with `command`. They may be set anew at any
    time: the file is read at each resolution."""

    _LENGTH = 1024

    def __init__(self, path, name, addresses):
        self.name = name
        self._path = path
        self._path.write_bytes(b"")
        self.set(addresses)

    def set(self, addresses):
        """In place, and in one write of a length that is always the same: no reader sees half."""
        lines = ["127.0.0.1 localhost", *(f"{one} {self.name}" for one in addresses), ""]
        with open(self._path, "r+b", buffering=0) as file:
            file.write("\n".join(lines).encode().ljust(self._LENGTH, b"\n"))

    def command(self, *command):
        """What to run so that `command` sees this file as /etc/hosts, in the same process."""
        mount = f'mount --bind {shlex.quote(str(self._path))} /etc/hosts && exec "$@"'
        return [*_unshare(), "sh", "-c", mount, "sh", *command]


def _unshare():
    return ["unshare", "-m" if os.geteuid() == 0 else "-rm"]


def why_not():
    """Why there can be no private /etc/hosts here; None where there can."""
    probe = "mount --bind /etc/hosts /etc/hosts"
    try:
        done = subprocess.run([*_unshare(), "sh", "-c", probe], capture_output=True, text=True,
                              check=False)
    except FileNotFoundError:
        return "there is no unshare (util-linux)"
    if done.returncode:
        return f"no private mount namespace is allowed: {done.stderr.strip()}"
    return None
