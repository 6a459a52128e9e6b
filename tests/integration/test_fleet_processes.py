# SPDX-License-Identifier: Apache-2.0
"""A shared GPU that is split to its pods by process: agents with and without --per-process."""

import pytest
from fake_proc import FakeProc
from harness import run, wait_until

LEVEL = {"metricType": "gpu_utilization", "targetValue": 80}
MIB = {"metricType": "memory_used_mib", "targetValue": 1000}
PERCENT = {"metricType": "memory_used_percent", "targetValue": 80}
# Of every GPU of the fleet.
TOTAL_MIB = 81920
# The GPU of node-b and node-a that two workloads share; what the device shows is in fleet.new_node.
GPU = 3
DEVICE = {"node-a": 13, "node-b": 23}


class Sharing:
    """Two workloads of one pod each that share a GPU of a node."""

    def __init__(self, fleet, node, names):
        self.fleet, self.node = fleet, fleet.nodes[node]
        self.busy, self.idle = (fleet.deploy(name, LEVEL, replicas=1) for name in names)
        self.uids = [
            fleet.place(workload, f"{workload.name}-0", node, GPU, devices={
                "nvidia.com/gpu.shared": [f"{self.node.uuid(GPU)}::{number}"]})
            for number, workload in enumerate((self.busy, self.idle))]

    def use(self, *processes):
        """The driver tells of these: (pid, MiB, percent)."""
        self.node.driver.gpus[GPU].rules = [
            "process " + " ".join(str(number) for number in process) for process in processes]
        self.node.driver.write()

    def wait_values(self, busy, idle):
        self.fleet.wait_values(self.busy, busy)
        self.fleet.wait_values(self.idle, idle)

    def wait_warning(self, text):
        for hub in self.fleet.hubs:
            for workload in (self.busy, self.idle):
                wait_until(lambda hub=hub, workload=workload: text in hub.now(workload).get(
                    "warnings", []), text)


def wait_read(fleet, workload, expected):
    """Waits until both hubs read that of its one pod; of memory that has not moved they answer the
    target."""
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: [
            one.get("value") for one in hub.now(workload).get("inputs", [])] == [expected], expected)


@pytest.fixture(scope="module")
def proc(fleet):
    """The /proc of node-b, whose agent splits by process from now on."""
    proc = FakeProc(fleet.folder / "proc")
    fleet.kill(fleet.nodes["node-b"].agent)
    fleet.start_agent("node-b", "--per-process", "--proc-root", str(proc.root))
    fleet.wait_right(fleet.web)
    return proc


@pytest.fixture(scope="module")
def split(fleet, proc):
    """On node-b: the busy workload's pod has process 100, the other's 200."""
    sharing = Sharing(fleet, "node-b", ("busy", "idle"))
    proc.run(100, sharing.uids[0])
    proc.run(200, sharing.uids[1])
    return sharing


@pytest.fixture
def running(split, proc):
    """Both processes as they are at first; the driver has them, and one of no pod."""
    proc.run(100, split.uids[0])
    proc.run(200, split.uids[1])
    proc.run(300)
    split.use((100, 20480, 61), (200, 1024), (300, 512, 7))
    split.wait_values(61, 0)
    return split


def test_each_workload_has_its_own_numbers(fleet, running):
    for metadata, busy, idle in (
            (MIB, 20480, 1024), (PERCENT, 100 * 20480 / TOTAL_MIB, 100 * 1024 / TOTAL_MIB)):
        metric = metadata["metricType"].replace("_", "-")
        for workload, expected in ((running.busy, busy), (running.idle, idle)):
            wait_read(fleet, fleet.scale(f"{workload.name}-{metric}", metadata,
                                         target_name=workload.name), expected)
    running.wait_warning("shared GPU split by process: 1 replica share theirs with other pods; "
                         "gpu_utilization is that of their own processes")
    watts = fleet.scale("busy-watts", {"metricType": "power_draw", "targetValue": 250,
                                       "activationThreshold": 20}, target_name="busy")
    fleet.wait_values(watts, 50)


def test_the_agent_shows_what_pods_use(running):
    agent, uuid = running.node.agent, running.node.uuid(GPU)
    assert agent.gauge("pod_gpu_utilization_percent", gpu_uuid=uuid, pod_uid=running.uids[0]) == 61
    assert agent.gauge("pod_gpu_memory_used_bytes", gpu_uuid=uuid,
                       pod_uid=running.uids[1]) == 1024 * 2**20
    assert len(agent.series("pod_gpu_utilization_percent", gpu_uuid=uuid)) == 2, "none of no pod"


def test_a_pod_without_a_process_is_idle(running, proc):
    proc.end(100)
    running.use((200, 1024, 30))
    running.wait_values(0, 30)
    running.use()
    running.wait_values(0, 0)


def test_a_pid_that_returns_in_another_pod(running, proc):
    """The driver lists the pid all the while."""
    proc.run(100, running.uids[1], started=2000)
    running.wait_values(0, 61)


def test_nothing_is_known_where_no_process_is_found(fleet, running, proc):
    """As where the pids are of another namespace: an error, neither 0 nor the device's number."""
    for pid in (100, 200, 300):
        proc.end(pid)
    for hub in fleet.hubs:
        for workload in (running.busy, running.idle):
            hub.asked_for(workload).wait_unavailable(
                "not known by process (--per-process)", "none of the processes", str(proc.root))
    proc.run(100, running.uids[0])
    running.wait_values(61, 0)


def test_utilization_that_the_driver_does_not_tell(fleet, running):
    """Memory it tells."""
    mib = fleet.scale("busy-mib", MIB, target_name="busy")
    running.node.driver.rules = ["error nvmlDeviceGetProcessUtilization 999"]
    running.node.driver.write()
    for hub in fleet.hubs:
        hub.asked_for(running.busy).wait_unavailable(
            "not known by process (--per-process): nvmlDeviceGetProcessUtilization: Unknown Error")
    wait_read(fleet, mib, 20480)
    running.node.driver.rules = []
    running.node.driver.write()
    running.wait_values(61, 0)


def test_without_the_flag_each_has_the_devices_number(fleet):
    sharing = Sharing(fleet, "node-a", ("other", "another"))
    sharing.use((100, 20480, 61))
    sharing.wait_values(DEVICE["node-a"], DEVICE["node-a"])
    sharing.wait_warning("shared GPU: 1 replica share theirs with other pods; gpu_utilization is "
                         "that of the whole GPU")
    calls = sharing.node.driver.calls
    assert calls("nvmlDeviceGetUUID") > 0
    assert calls("nvmlDeviceGetComputeRunningProcesses_v3") == 0


def test_outside_the_nodes_pid_namespace_the_agent_does_not_start(tmp_path):
    proc = FakeProc(tmp_path / "proc", pid_namespace="pid:[4026532201]")
    for role, flags in (("agent", ["--hub", "127.0.0.1:1", "--insecure-agents"]), ("", [])):
        done = run(*([role] if role else []), *flags, "--per-process", "--proc-root",
                   str(proc.root), "--metrics-port", "0", "--probe-port", "0",
                   env={"NODE_NAME": "node-a"})
        assert done.returncode != 0
        for word in ("--per-process", "pid:[4026532201]", "hostPID: true", "perProcess=true"):
            assert word in done.stdout + done.stderr
