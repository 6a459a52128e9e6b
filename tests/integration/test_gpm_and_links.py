# SPDX-License-Identifier: Apache-2.0
"""What GPM, the counters of links and the call that blocks say, as KEDA gets it."""

import grpc
import pytest
from fake_driver import FakeNvml, Gpu, gpm
from harness import Scaler, wait_until

SM, OCCUPANCY, TENSOR, DRAM, PCIE_TX, PCIE_RX, NVLINK_RX, NVLINK_TX = 2, 3, 5, 10, 20, 21, 60, 61
HOPPER = {SM: 60.5, OCCUPANCY: 33, TENSOR: 21, DRAM: 47, PCIE_TX: 100, PCIE_RX: 200,
          NVLINK_RX: 50000, NVLINK_TX: 60000}
# As metricType: what HOPPER is in its unit.
EXPECTED = {"sm_utilization": 60.5, "sm_occupancy": 33, "tensor_utilization": 21,
            "dram_bandwidth_utilization": 47, "pcie_tx_kbps": 100 * 1024,
            "pcie_rx_kbps": 200 * 1024, "nvlink_tx_mbps": 60000, "nvlink_rx_mbps": 50000}
NVLINK_DATA_TX, NVLINK_DATA_RX, PCIE_BYTES_TX, PCIE_BYTES_RX, RECOVERY = 138, 139, 197, 198, 230
U32, U64 = 1, 3


def hopper(index=0, **keys):
    gpu = Gpu(index, gpm=1, gpm_least_interval_ms=100, gpu_util=90, **keys)
    gpu.rules = gpm(HOPPER)
    return gpu


@pytest.fixture(scope="module")
def gpm_node(tmp_path_factory):
    """A scaler over a Hopper GPU whose samples must be 100 ms apart, for this file."""
    fake = FakeNvml(tmp_path_factory.mktemp("gpm"), [hopper()])
    with Scaler("--sampling-interval", "150ms", fake=fake) as scaler:
        scaler.fake = fake
        yield scaler.wait_sampled()


@pytest.mark.parametrize("metric", EXPECTED)
def test_each_metric_of_gpm(gpm_node, metric):
    gpm_node.wait_value(EXPECTED[metric], metricType=metric, targetValue=50)


def test_they_are_on_the_page_in_base_units(gpm_node):
    gpm_node.wait_value(60000, metricType="nvlink_tx_mbps", targetValue=50)
    assert gpm_node.gauge("gpu_sm_utilization_percent") == 60.5
    assert gpm_node.gauge("gpu_pcie_tx_bytes_per_second") == 100 * 1024 * 1024
    assert gpm_node.gauge("gpu_nvlink_rx_bytes_per_second") == 50000 * 1024 * 1024


def test_what_blocks_is_never_called_where_gpm_is(gpm_node):
    gpm_node.wait_value(100 * 1024, metricType="pcie_tx_kbps", targetValue=50)
    gpm_node.wait_rounds()
    assert gpm_node.fake.calls("nvmlDeviceGetPcieThroughput") == 0


def test_the_profile_of_distributed_training(gpm_node):
    gpm_node.wait_value(60000, profile="distributed-training")
    assert gpm_node.is_active(profile="distributed-training") is True
    spec = gpm_node.metric_spec(profile="distributed-training")
    assert (spec.metricName, spec.targetSizeFloat) == ("keda_gpu_distributed_training", 50000)


def test_before_hopper_it_is_an_error_that_says_so(tmp_path, start):
    scaler = start(fake=FakeNvml(tmp_path, [Gpu(0, gpm=0)])).wait_sampled()
    text = scaler.unavailable(metricType="sm_utilization", targetValue=50)
    assert "no GPM" in text and "Hopper" in text
    assert scaler.series("gpu_sm_utilization_percent") == [], "unsupported is no 0"
    # A first round that a busy machine did not finish counts as one.
    errors = scaler.gauge("collection_errors_total")
    scaler.wait_rounds(5)
    assert scaler.gauge("collection_errors_total") == errors, "and no error"


def test_an_idle_gpu_with_gpm_is_0(tmp_path, start):
    gpu = Gpu(0, gpm=1)
    gpu.rules = gpm({SM: 0, NVLINK_TX: 0})
    scaler = start("--sampling-interval", "150ms", fake=FakeNvml(tmp_path, [gpu])).wait_sampled()
    scaler.wait_value(0, metricType="sm_utilization", targetValue=50)
    assert scaler.is_active(metricType="sm_utilization", targetValue=50) is False


def is_about(scaler, metric, expected):
    try:
        return scaler.value(metricType=metric, targetValue=50) == pytest.approx(expected, rel=0.05)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        return False


def test_nvlink_by_counters_is_a_rate(tmp_path, start):
    gpu = Gpu(0)
    # KiB a second.
    gpu.rules = [f"field_rate {NVLINK_DATA_TX} {U64} {60000 * 1024}",
                 f"field_rate {NVLINK_DATA_RX} {U64} {20 * 1024}"]
    scaler = start(fake=FakeNvml(tmp_path, [gpu])).wait_sampled()
    for metric, expected in (("nvlink_tx_mbps", 60000), ("nvlink_rx_mbps", 20)):
        def about(metric=metric, expected=expected):
            return is_about(scaler, metric, expected)
        wait_until(about, f"a rate of {expected}")


def test_a_gpu_without_nvlink_is_an_error_not_0(tmp_path, start):
    gpu = Gpu(0)
    gpu.rules = [f"field 91 {U32} 0", f"field {NVLINK_DATA_TX} {U64} 0"]
    scaler = start(fake=FakeNvml(tmp_path, [gpu])).wait_sampled()
    scaler.wait_rounds()
    assert "no NVLink" in scaler.unavailable(metricType="nvlink_tx_mbps", targetValue=50)


def test_pcie_by_64_bit_counters(tmp_path, start):
    gpu = Gpu(0)
    gpu.rules = [f"field_rate {PCIE_BYTES_TX} {U64} {300 * 1024 * 1024}",
                 f"field_rate {PCIE_BYTES_RX} {U64} 0"]
    fake = FakeNvml(tmp_path, [gpu])
    scaler = start(fake=fake).wait_sampled()
    wait_until(lambda: is_about(scaler, "pcie_tx_kbps", 300 * 1024))
    scaler.wait_value(0, metricType="pcie_rx_kbps", targetValue=50)
    assert fake.calls("nvmlDeviceGetPcieThroughput") == 0
