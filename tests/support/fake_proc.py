# SPDX-License-Identifier: Apache-2.0
"""A node's /proc, as far as --per-process reads it."""

import shutil
from pathlib import Path

NODES_PID_NAMESPACE = "pid:[4026531836]"


class FakeProc:
    """The folder `root`, for --proc-root."""

    def __init__(self, root, pid_namespace=NODES_PID_NAMESPACE):
        self.root = Path(root)
        namespace = self.root / "self" / "ns" / "pid"
        namespace.parent.mkdir(parents=True)
        namespace.symlink_to(pid_namespace)

    def run(self, pid, pod_uid=None, started=1000):
        """A process of that pod, or of none; `started` tells it from another of the same pid."""
        folder = self.root / str(pid)
        folder.mkdir(exist_ok=True)
        after_name = ["S", *("0" for _ in range(18)), str(started), "0"]
        self._write(folder / "stat", f"{pid} (python3 serve) {' '.join(after_name)}\n")
        cgroup = "system.slice/nvidia-mps.service"
        if pod_uid:
            slices = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod"
            cgroup = f"{slices}{pod_uid.replace('-', '_')}.slice/cri-containerd-0a1b2c.scope"
        self._write(folder / "cgroup", f"0::/{cgroup}\n")

    def end(self, pid):
        shutil.rmtree(self.root / str(pid))

    @staticmethod
    def _write(path, text):
        """At once, as /proc is never seen half written."""
        following = path.with_name(path.name + ".next")
        following.write_text(text)
        following.replace(path)
