# SPDX-License-Identifier: Apache-2.0
"""A name with several addresses, for processes that see an /etc/hosts of their own."""

import os
import shlex
import subprocess
import threading


class PrivateHosts:
    """`name` means `addresses` to what is started with `command`. They may be set anew at any
    time, and those of further names: the file is read at each resolution."""

    _LENGTH = 4096

    def __init__(self, path, name, addresses):
        self.name = name
        self._path = path
        self._path.write_bytes(b"")
        self._lock = threading.Lock()
        self._addresses = {}
        self.set(addresses)

    def set(self, addresses, name=None):
        """In place, and in one write of a length that is always the same: no reader sees half."""
        with self._lock:
            self._addresses[name or self.name] = addresses
            lines = ["127.0.0.1 localhost", *(f"{one} {host}" for host in self._addresses
                                              for one in self._addresses[host]), ""]
            content = "\n".join(lines).encode()
            assert len(content) <= self._LENGTH
            with open(self._path, "r+b", buffering=0) as file:
                file.write(content.ljust(self._LENGTH, b"\n"))

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
