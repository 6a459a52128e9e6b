# SPDX-License-Identifier: Apache-2.0
"""AMD GPUs by a fake ROCm SMI and by Debian's own: readings, trouble, and whose they are."""

import fake_sysfs
import pytest
from amd import FAKE_ROCM, AmdNode, require_private_sys
from fake_sysfs import FakeSysfs
from fleet import STRICT, Workload
from fleet_processes import Node, agent
from harness import Scaler, wait_until

TARGETS = {"gpu_utilization": {}, "memory_used_mib": {"targetValue": 1},
           "temperature": {"targetValue": 80}, "power_draw": {"targetValue": 100}}
FIRST, SECOND = "0000:03:00.0", "0001:c3:00.0"


@pytest.fixture(autouse=True)
def _needs():
    require_private_sys()


@pytest.fixture
def node(tmp_path):
    return AmdNode(tmp_path)


def read(scaler, metric, **more):
    return scaler.value(metricType=metric, **TARGETS.get(metric, {}), **more)


# A fake ROCm SMI.


def test_every_metric(node):
    node.rocm.gpus[1].keys.update(busy=35, mem_busy=15, vram_total_mib=1000, vram_used_mib=250,
                                  edge_mc=61500, power_uw=123456000)
    node.rocm.write()
    with node.scaler("--gpu-backend", "rocm") as scaler:
        scaler.wait_sampled()
        for metric, expected in {"gpu_utilization": 35, "memory_utilization": 15,
                                 "memory_used_mib": 250, "memory_used_percent": 25,
                                 "temperature": 61.5, "power_draw": 123.456}.items():
            assert read(scaler, metric, gpuIndex=1) == pytest.approx(expected), metric
        assert scaler.gauge("gpu_memory_total_bytes", gpu_index="1") == 1000 << 20


def test_nonsense_is_an_error(node):
    node.rocm.gpus[0].keys["busy"] = 101
    node.rocm.write()
    with node.scaler("--gpu-backend", "rocm") as scaler:
        scaler.wait_sampled()
        scaler.wait_unavailable("rsmi_dev_busy_percent_get", "outside 0..100")
        assert scaler.value(gpuIndex=1) == 20


def test_a_call_that_hangs(node):
    with node.scaler("--gpu-backend", "rocm") as scaler:
        scaler.wait_value(20)
        node.rocm.gpus[0].rules = ["hang rsmi_dev_power_get"]
        node.rocm.write()
        scaler.wait_unavailable("rsmi_dev_power_get has not returned", gpuIndex=0)
        assert scaler.value(gpuIndex=1) == 20
        node.rocm.gpus[0].rules = []
        node.rocm.write()
        scaler.wait_value(10, gpuIndex=0)


def test_a_gpu_that_is_unplugged_and_comes_back(node):
    with node.scaler("--gpu-backend", "rocm") as scaler:
        scaler.wait_value(20)
        gone = node.rocm.gpus.pop(0)
        node.rocm.write()
        node.sysfs.remove_card(0)
        wait_until(lambda: scaler.gauge("gpu_lost", gpu_uuid=gone.uuid) == 1, "the loss")
        assert scaler.gauge("gpu_lost", gpu_uuid=node.rocm.gpus[0].uuid) == 0
        node.rocm.gpus.insert(0, gone)
        node.rocm.write()
        node.sysfs.link_card(0, gone.keys["pci"])
        scaler.wait_value(10, gpuIndex=0)
        assert scaler.gauge("gpu_lost", gpu_uuid=gone.uuid) == 0


def test_the_session_is_opened_anew_when_the_library_forgets_it(node):
    with node.scaler("--gpu-backend", "rocm") as scaler:
        scaler.wait_value(20)
        inits = node.rocm.calls("rsmi_init")
        node.rocm.rules = ["error rsmi_num_monitor_devices 1"]
        node.rocm.write()
        wait_until(lambda: scaler.logged("GPU driver will be reopened"), "a reopening")
        node.rocm.rules = []
        node.rocm.write()
        wait_until(lambda: node.rocm.calls("rsmi_init") > inits, "another session")
        scaler.wait_value(20)


# Whose they are.


@pytest.mark.parametrize("resource, device", [
    ("amd.com/gpu", "0000:04:00.0"), ("amd.com/gpu", "0000:04:00.0-slice-3")])
def test_a_pods_gpu_by_its_plugins_id(node, api, hub, tmp_path, resource, device):
    """From the kubelet's listing to the answer."""
    place(api, "amd", node, tmp_path, hub, {resource: [device]},
          lambda asked: asked.wait_value(20))


def test_a_partition_that_cannot_be_matched_is_an_error(node, api, hub, tmp_path):
    place(api, "amd", node, tmp_path, hub, {"amd.com/gpu": ["amdgpu_xcp_30"]},
          lambda asked: asked.wait_unavailable("default/amd-0", "amdgpu_xcp_30"))


def place(api, name, node, folder, hub, devices, check):
    """A workload of one pod on an AMD node, which the kubelet says holds `devices`."""
    api.put("Deployment", "default", name, spec={"replicas": 1})
    workload = Workload("default", name, {"metricType": "gpu_utilization", "targetValue": "80",
                                          **STRICT})
    api.put("ScaledObject", "default", name, spec={"pollingInterval": 1, "triggers": [
        {"type": "external", "metadata": workload.metadata}]})
    kubernetes_node = Node("node-a", folder / "node-a", [])
    kubernetes_node.allot("default", f"{name}-0", devices)
    api.set_pod("default", f"{name}-0", node="node-a", labels={"app": name})
    with kubernetes_node.kubelet, agent(
            kubernetes_node, f"127.0.0.1:{hub.agent_port}", "--rocm-library", FAKE_ROCM,
            "--gpu-backend", "rocm", prefix=lambda *command: node.sysfs.command(command),
            env=node.rocm.environment()):
        check(hub.asked_for(workload))


# Debian's own ROCm SMI, on the same sort of /sys.


@pytest.fixture
def sysfs(tmp_path):
    """Two cards, one of them in another PCI domain."""
    reason = fake_sysfs.why_no_real_rocm()
    if reason:
        pytest.skip(reason)
    tree = FakeSysfs(tmp_path / "sys")
    tree.add_kfd()
    tree.add_card(0, FIRST, gpu_busy_percent=11, mem_busy_percent=5,
                  mem_info_vram_used=16 << 30, product_name="AMD Instinct MI210")
    tree.add_card(1, SECOND, gpu_busy_percent=42, unique_id=None, hwmon_power1_average=None,
                  hwmon_power1_input=150000000, hwmon_temp1_label=None, hwmon_temp1_input=None)
    return tree


@pytest.fixture
def real(sysfs):
    with Scaler("--gpu-backend", "rocm", prefix=sysfs.command) as scaler:
        yield scaler.wait_sampled()


def test_the_real_library_reads_every_metric(real):
    expected = {"gpu_utilization": (11, 42), "memory_utilization": (5, 0),
                "memory_used_mib": (16384, 0), "memory_used_percent": (25, 0),
                # The second has no edge sensor, and no average of its power.
                "temperature": (41, 52), "power_draw": (90, 150)}
    for metric, values in expected.items():
        for index, value in enumerate(values):
            assert read(real, metric, gpuIndex=index) == value, metric
    assert real.gauge("gpu_memory_total_bytes", gpu_index="0") == 64 << 30
    assert real.gauge("driver_open", backend="rocm") == 1
    errors = real.gauge("collection_errors_total")
    real.wait_rounds(5)
    assert real.gauge("collection_errors_total") == errors


def test_the_real_librarys_names(real):
    assert real.gauge("gpu_utilization_percent", gpu_uuid="GPU-00000000c0ffee00",
                      gpu_name="AMD Instinct MI210") == 11
    assert real.gauge("gpu_utilization_percent", gpu_uuid=SECOND) == 42, "without a unique id"


def test_the_real_library_sees_changes(real, sysfs):
    sysfs.set(FIRST, "gpu_busy_percent", 97)
    real.wait_value(97, gpuIndex=0)
    sysfs.set(FIRST, "gpu_busy_percent", 250)
    real.wait_unavailable("rsmi_dev_busy_percent_get: Unexpected data", gpuIndex=0)
    assert read(real, "temperature", gpuIndex=0) == 41
    sysfs.set(FIRST, "gpu_busy_percent", 3)
    real.wait_value(3, gpuIndex=0)


def test_the_real_library_loses_a_card(real, sysfs):
    """And then does not list the one behind the gap, which is read all the same."""
    sysfs.remove_card(0)
    wait_until(lambda: real.gauge("gpu_lost", gpu_uuid="GPU-00000000c0ffee00") == 1, "the loss")
    real.wait_value(42)
    assert real.gauge("gpu_lost", gpu_uuid=SECOND) == 0
    assert real.logged("AMD GPUs that ROCm SMI does not list are read from sysfs", pci=SECOND)
    assert real.value(metricType="power_draw", targetValue=100) == 150
    assert real.value(metricType="temperature", targetValue=80) == 52


def test_a_single_gpu_that_is_not_card0(sysfs, tmp_path):
    """As with kernels whose boot screen was card0. Debian's library lists none then."""
    tree = FakeSysfs(tmp_path / "single")
    tree.add_kfd()
    tree.add_card(1, FIRST, gpu_busy_percent=64)
    with Scaler("--gpu-backend", "rocm", prefix=tree.command) as scaler:
        scaler.wait_value(64)
        assert scaler.gauge("gpu_utilization_percent", gpu_uuid="GPU-00000000c0ffee01") == 64


def test_the_real_library_says_nothing_on_a_node_without_amd(tmp_path):
    """Each line of the log is JSON (Program): rsmi_init would write another."""
    with Scaler("--gpu-backend", "rocm",
                prefix=FakeSysfs(tmp_path / "sys").command) as scaler:
        scaler.wait_unavailable("rocm: no AMD GPU: no card under /sys/class/drm is AMD's")
