# SPDX-License-Identifier: Apache-2.0
"""An agent in a network of its own, tied to its hub by a virtual cable that can be pulled."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import types

from fleet import Workload, new_node
from fleet_processes import Hub, agent
from truth import METER

# Link-local, and in no other use.
_HUB, _AGENT = "169.254.213.1", "169.254.213.2"


def why_not():
    """Why there can be no virtual cable here; None where there can."""
    if os.geteuid() != 0:
        return "virtual links want root"
    for program in ("ip", "unshare", "nsenter"):
        if shutil.which(program) is None:
            return f"there is no {program}"
    try:
        with VirtualLink():
            return None
    except subprocess.CalledProcessError as error:
        return f"no virtual link is allowed: {error.stderr.strip()}"


class VirtualLink:
    """A context manager."""

    def __init__(self):
        self._ours, self._theirs = f"kgs{os.getpid()}a", f"kgs{os.getpid()}b"
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            # Keeps the network alive until its input ends.
            holder = stack.enter_context(subprocess.Popen(
                ["unshare", "-n", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True))
            stack.callback(holder.stdin.close)
            self._network = f"/proc/{holder.pid}/ns/net"
            self._wait_for(holder)
            _run("ip", "link", "add", self._ours, "type", "veth", "peer", "name", self._theirs,
                 "netns", str(holder.pid))
            stack.callback(_run, "ip", "link", "del", self._ours)
            for device, address, ip in ((self._ours, _HUB, ("ip",)),
                                        (self._theirs, _AGENT, self._inside("ip"))):
                _run(*ip, "address", "add", f"{address}/30", "dev", device)
                _run(*ip, "link", "set", device, "up")
            _run(*self._inside("ip"), "link", "set", "lo", "up")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.__exit__(*error)

    @staticmethod
    def _wait_for(holder):
        try:
            holder.stdin.write("ready\n")
            holder.stdin.flush()
        except BrokenPipeError:
            pass
        if holder.stdout.readline() != "ready\n":
            raise subprocess.CalledProcessError(1, "unshare", stderr=holder.stderr.read())

    def _inside(self, *command):
        return ["nsenter", f"--net={self._network}", *command]

    def down(self):
        """The agent's end. Ours stays: whoever asks the hub shall reach it."""
        _run(*self._inside("ip"), "link", "set", self._theirs, "down")

    def up(self):
        _run(*self._inside("ip"), "link", "set", self._theirs, "up")

    @contextlib.contextmanager
    def bed(self):
        """A hub without Kubernetes here, an agent there: `node`, `hub` and `workload`."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="kgs-link-"))
        try:
            node = new_node("node-a", folder / "node-a")
            with Hub("none", address=_HUB) as hub:
                with agent(node, f"{_HUB}:{hub.agent_port}", prefix=self._inside):
                    yield types.SimpleNamespace(
                        node=node, hub=hub,
                        workload=Workload("default", "web", {
                            key: str(value) for key, value in METER.items()}))
        finally:
            shutil.rmtree(folder)


def _run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)
