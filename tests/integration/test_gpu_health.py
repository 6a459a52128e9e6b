# SPDX-License-Identifier: Apache-2.0
"""What a driver says of the health of its GPUs, and what is read only while somebody asks."""

import pytest
from harness import wait_until

RECOVERY = 230
BLOCKING = "nvmlDeviceGetPcieThroughput"
PCIE = {"metricType": "pcie_tx_kbps", "targetValue": 1000}


# Health.


def tell_xid(fake, gpu, number, code):
    fake.gpus[gpu].rules.append(f"xid {number} {code}")
    fake.write()


def test_xid_errors_are_counted_and_outlive_the_session(fake, start):
    scaler = start(fake=fake).wait_sampled()
    assert scaler.gauge("gpu_xid_errors_total") is None
    tell_xid(fake, 3, 1, 79)
    wait_until(lambda: scaler.gauge("gpu_xid_errors_total", gpu_index="3", xid="79") == 1, "it")
    tell_xid(fake, 3, 2, 79)
    wait_until(lambda: scaler.gauge("gpu_xid_errors_total", xid="79") == 2, "another")
    assert len(scaler.logged("GPU had an XID error")) == 1, "once a minute"
    opens = scaler.gauge("driver_opens_total")
    fake.rules = ["error nvmlDeviceGetPowerUsage 1"]
    fake.write()
    wait_until(lambda: scaler.gauge("driver_opens_total") > opens, "a new session")
    assert scaler.gauge("gpu_xid_errors_total", gpu_uuid=fake.gpus[3].uuid, xid="79") == 2


def test_a_recovery_action_is_shown_while_it_stands(fake, start):
    fake.gpus[2].rules = [f"field {RECOVERY} 1 0"]
    fake.write()
    scaler = start(fake=fake).wait_sampled()
    assert scaler.gauge("gpu_recovery_action") is None
    fake.gpus[2].rules = [f"field {RECOVERY} 1 1"]
    fake.write()
    wait_until(lambda: scaler.gauge("gpu_recovery_action", gpu_index="2", action="gpu_reset") == 1)
    fake.gpus[2].rules = [f"field {RECOVERY} 1 0"]
    fake.write()
    wait_until(lambda: scaler.gauge("gpu_recovery_action") is None, "that it is over")


def test_what_a_gpu_is_and_what_its_calls_take(node):
    assert node.gauge("gpu_info", gpu_index="4", pci_bus_id="00000000:04:00.0", mig_profile="") == 1
    calls = node.gauge("driver_calls_total", backend="nvml", call="nvmlDeviceGetPowerUsage")
    # The page of the longest first: each grows.
    longest = node.gauge("driver_call_longest_seconds", call="nvmlDeviceGetPowerUsage")
    seconds = node.gauge("driver_call_seconds_total", call="nvmlDeviceGetPowerUsage")
    assert calls >= 8 and 0 < longest <= seconds


def test_a_workload_is_warned_of_the_gpu_that_it_holds(fleet):
    workload = fleet.deploy("ailing", {"metricType": "gpu_utilization", "targetValue": 80},
                            replicas=1)
    fleet.place(workload, "ailing-0", "node-b", 2)
    fleet.wait_right(workload)
    driver = fleet.nodes["node-b"].driver
    uuid = fleet.nodes["node-b"].uuid(2)

    def warnings(hub):
        return hub.now(workload).get("warnings", [])
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: hub.now(workload), "that the hub looked itself")
        assert not warnings(hub)
    driver.gpus[2].rules += ["xid 1 31", "xid 2 79"]
    driver.write()
    expected = (f"GPU trouble: pod default/ailing-0: GPU 2 ({uuid}) had within the last hour XID 79 "
                "(once since its agent started)")
    for hub in fleet.hubs:
        wait_until(lambda hub=hub: warnings(hub) == [expected], "the warning")
    driver.gpus[2].rules = []
    driver.write()


# What blocks.


@pytest.fixture
def blocking(fake):
    """GPUs whose PCIe only a call that blocks tells."""
    for number, gpu in enumerate(fake.gpus):
        gpu.keys.update(pcie_tx_kbps=1000 * (number + 1), pcie_rx_kbps=7)
    fake.write()
    return fake


def test_what_blocks_is_read_once_keda_asks(blocking, start):
    scaler = start(fake=blocking).wait_sampled()
    scaler.wait_rounds(5)
    assert blocking.calls(BLOCKING) == 0
    scaler.wait_value(8000, **PCIE)
    assert scaler.gauge("gpu_pcie_tx_bytes_per_second", gpu_index="0") == 1000 * 1024
    assert scaler.series("gpu_pcie_rx_bytes_per_second") == [], "nobody asked for what is received"


def test_what_blocks_is_read_where_a_flag_says_so(blocking, start):
    scaler = start("--always-read", "pcie_rx_kbps", fake=blocking).wait_sampled()
    wait_until(lambda: scaler.gauge("gpu_pcie_rx_bytes_per_second", gpu_index="0") == 7 * 1024)
    assert scaler.series("gpu_pcie_tx_bytes_per_second") == []


def test_hubs_tell_agents_what_triggers_read(fleet):
    node = fleet.nodes["node-c"]
    node.read(1, pcie_tx_kbps=4321)
    assert node.driver.calls(BLOCKING) == 0
    workload = fleet.deploy("transfers", PCIE, replicas=1)
    fleet.place(workload, "transfers-0", "node-c", 1)
    fleet.wait_values(workload, 4321)
    fleet.api.delete("ScaledObject", workload.namespace, workload.name)

    def rests():
        return node.agent.series("gpu_pcie_tx_bytes_per_second") == []
    wait_until(rests, "that nothing is read any more")
