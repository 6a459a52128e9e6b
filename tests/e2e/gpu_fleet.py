# SPDX-License-Identifier: Apache-2.0
"""The nodes, agents and hubs of one scenario, which know of its namespace alone."""

import contextlib
import pathlib
import shutil
import tempfile

from fake_driver import Gpu
from fake_engine import ALLOW
from fleet_processes import Hub, Node, agent
from harness import free_port
from security import Security
from stack import HUB_ADDRESSES, HUBS

NODES = 2
GPUS_A_NODE = 8
_MEMORY_MIB = 81920
# What a GPU shows that nobody uses.
IDLE = {"gpu_util": 0, "mem_util": 0, "memory_used_mib": 600, "power_mw": 70000}


class GpuFleet:
    """Two nodes with an agent each, and two hubs behind one name. Use as a context manager."""

    def __init__(self, stack, namespace, number, logs, hub_flags=()):
        """`number` tells fleets of a stack apart. The logs of its processes end up in `logs`."""
        self.hub_flags = hub_flags
        self._stack, self._namespace, self._number = stack, namespace, number
        self._logs = pathlib.Path(logs)
        # Short: the paths of sockets are limited.
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="kgs-e2e-"))
        self.nodes = [self._new_node(number, index) for index in range(NODES)]
        self.hubs = [None for _ in HUB_ADDRESSES]
        self.port = free_port(HUB_ADDRESSES)
        self._agent_port = free_port(HUB_ADDRESSES)
        self.security = Security(self._folder / "security", names=(HUBS,))
        self._processes = []
        self._ended = []
        self._ends = contextlib.ExitStack()

    def _new_node(self, fleet, index):
        name = f"{self._namespace}-node-{index}"
        return Node(name, self._folder / str(index), [
            Gpu(gpu, uuid=f"GPU-{fleet:08d}-{index:04d}-0000-0000-{gpu:012d}",
                memory_total_mib=_MEMORY_MIB, **IDLE) for gpu in range(GPUS_A_NODE)])

    def __enter__(self):
        with contextlib.ExitStack() as ends:
            ends.callback(shutil.rmtree, self._folder)
            ends.callback(self._write_logs)
            for node in self.nodes:
                ends.enter_context(node.kubelet)
            ends.callback(self._end_all)
            self._config = self._stack.kubeconfig(self._folder / "kubeconfig")
            for number in range(len(self.hubs)):
                self.start_hub(number)
            for node in self.nodes:
                self.start_agent(node)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *error):
        self._ends.__exit__(*error)

    def pod_address(self, number):
        """That of the pod of that number: every pod of a stack has its own."""
        return f"127.{100 + self._number}.{number // 250}.{1 + number % 250}"

    @property
    def address(self):
        """scalerAddress."""
        return f"{HUBS}:{self.port}"

    def start_hub(self, number):
        self.hubs[number] = self._start(f"hub-{number}", Hub(
            self._config, "--namespaces", self._namespace, "--service-names", HUBS,
            *ALLOW, "--port", str(self.port), *self.hub_flags,
            address=HUB_ADDRESSES[number], agent_port=self._agent_port,
            prefix=self._stack.hosts.command(), security=self.security))

    def start_agent(self, node, token=None):
        """With that token (default: its own)."""
        self.give_token(node, self.token_for(node) if token is None else token)
        node.agent = self._start(node.name, agent(
            node, f"{HUBS}:{self._agent_port}", "--sampling-interval", "500ms",
            *ALLOW,
            prefix=self._stack.hosts.command, security=self.security))

    def token_for(self, node, **options):
        """Of the agents' pod on that node; `options` as of Stack.agent_token."""
        return self._stack.agent_token(node.name, **options)

    def give_token(self, node, token):
        """The agent on the node has that from its next stream on."""
        self.security.token_file(node.name).write_text(token, encoding="utf-8")

    def kill(self, process):
        """Ends a hub or an agent at once, as the kernel does."""
        process.process.kill()
        process.process.wait()
        [(name, _)] = [entry for entry in self._processes if entry[1] is process]
        self._processes.remove((name, process))
        self._ended.append((name, process))
        process.__exit__(None, None, None)

    def running(self):
        """Names and processes."""
        return list(self._processes)

    def _start(self, name, process):
        process.__enter__()
        self._processes.append((name, process))
        return process

    def _end_all(self):
        ending, self._processes = self._processes, []
        self._ended += ending
        with contextlib.ExitStack() as ends:
            # Agents first: they end on their own behalf, not for a hub that has gone.
            for _, process in sorted(ending, key=lambda entry: not isinstance(entry[1], Hub)):
                ends.push(process)

    def _write_logs(self):
        for name, process in self._ended:
            with open(self._logs / f"{name}.log", "a", encoding="utf-8") as log:
                log.writelines(f"{line}\n" for line in process.lines)
