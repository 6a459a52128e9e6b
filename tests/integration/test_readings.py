# SPDX-License-Identifier: Apache-2.0
"""The numbers KEDA gets for what the driver says."""

import pytest
from fake_driver import FakeNvml, Gpu, eight_gpus
from harness import FAKE_NVML_OLD, wait_until

# By metric: what fake_driver.eight_gpus has, and the one target that all of these take.
METRICS = {
    "gpu_utilization": [10, 20, 30, 40, 50, 60, 70, 80],
    "memory_utilization": [0, 5, 10, 15, 20, 25, 30, 35],
    "memory_used_mib": [8192 * n for n in range(1, 9)],
    "memory_used_percent": [10, 20, 30, 40, 50, 60, 70, 80],
    "temperature": [40, 41, 42, 43, 44, 45, 46, 47],
    "power_draw": [100, 110, 120, 130, 140, 150, 160, 170],
}
AGGREGATIONS = {
    "max": max,
    "min": min,
    "avg": lambda values: sum(values) / len(values),
    "sum": sum,
    # Nearest rank: the 8th of 8.
    "p95": max,
    "p99": max,
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_aggregate_over_eight_gpus(node, metric, aggregation):
    expected = AGGREGATIONS[aggregation](METRICS[metric])
    value = node.value(metricType=metric, targetValue=50, aggregation=aggregation)
    assert value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_gpu_index_reads_that_gpu_alone(node, metric):
    for index, expected in enumerate(METRICS[metric]):
        value = node.value(metricType=metric, targetValue=50, gpuIndex=index)
        assert value == pytest.approx(expected, abs=1e-9), index


def test_gpu_index_minus_one_is_all_and_max_is_the_default(node):
    assert node.value(gpuIndex=-1) == 80
    assert node.value() == 80


def test_no_such_gpu_index_names_those_there_are(node):
    text = node.unavailable(gpuIndex=8)
    assert "gpuIndex 8" in text
    for index in range(8):
        assert str(index) in text.split("it has", 1)[1]


def test_a_change_is_seen(fake, start):
    scaler = start(fake=fake).wait_sampled()
    assert scaler.value(gpuIndex=7) == 80
    fake.gpus[7].keys["gpu_util"] = 7
    fake.write()
    scaler.wait_value(7, gpuIndex=7)
    assert scaler.value() == 70


def test_utilization_is_the_mean_of_the_drivers_samples(tmp_path, start):
    # Two hundred samples a second, and the instant value says something else.
    gpu = Gpu(0, gpu_util=60, mem_util=30, samples_every_ms=5)
    gpu.rules = ["error nvmlDeviceGetUtilizationRates 999"]
    scaler = start(fake=FakeNvml(tmp_path, [gpu]))
    scaler.wait_value(60)
    scaler.wait_value(30, metricType="memory_utilization")


def test_samples_between_two_rounds_are_averaged(tmp_path, start):
    fake = FakeNvml(tmp_path, [Gpu(0, gpu_util=90, gpu_samples="1")])
    # Long enough to ask within the one round that sees the new samples.
    scaler = start("--sampling-interval", "2s", fake=fake).wait_sampled()
    scaler.wait_rounds()
    assert scaler.value() == 90, "without new samples the instant value stands in"
    fake.gpus[0].keys["gpu_samples"] = "10 20 60"
    fake.write()

    def other_value():
        value = scaler.value()
        return value if value != 90 else None
    assert wait_until(other_value, "the new samples") == 30


def test_without_samples_the_instant_value_is_used(fake, start):
    fake.rules = ["error nvmlDeviceGetSamples 3"]
    fake.write()
    scaler = start(fake=fake).wait_sampled()
    assert scaler.value() == 80
    assert scaler.value(metricType="memory_utilization") == 35
    calls = fake.calls("nvmlDeviceGetSamples")
    assert calls >= 8
    scaler.wait_rounds(5)
    assert fake.calls("nvmlDeviceGetSamples") == calls, "not asked again in this session"


def test_samples_that_fail_are_an_error(fake, start):
    fake.gpus[4].rules = ["error nvmlDeviceGetSamples 999"]
    fake.write()
    scaler = start(fake=fake).wait_sampled()
    assert "GPU 4" in scaler.unavailable()
    assert "nvmlDeviceGetSamples: Unknown Error" in scaler.unavailable(gpuIndex=4)
    assert scaler.value(gpuIndex=5) == 60


def test_nonsense_of_the_driver_is_an_error(tmp_path, start):
    gpu = Gpu(0, gpu_util=101, memory_total_mib=100, memory_used_mib=101, temperature=3000)
    scaler = start(fake=FakeNvml(tmp_path, [gpu])).wait_sampled()
    assert "outside 0..100" in scaler.unavailable()
    assert "more used than there is" in scaler.unavailable(metricType="memory_used_percent")
    assert "temperature" in scaler.unavailable(metricType="temperature", targetValue=80)
    assert scaler.value(metricType="power_draw", targetValue=80) == 60


def test_idle_is_zero_and_not_active(tmp_path, start):
    scaler = start(fake=FakeNvml(tmp_path, [Gpu(0), Gpu(1)])).wait_sampled()
    assert scaler.value() == 0
    assert scaler.metric().metricValue == 0
    assert not scaler.is_active()


def test_below_zero_celsius_is_zero_to_keda(tmp_path, start):
    scaler = start(fake=FakeNvml(tmp_path, [Gpu(0, temperature=-5)])).wait_sampled()
    assert scaler.value(metricType="temperature", targetValue=80) == 0
    assert scaler.gauge("gpu_temperature_celsius") == -5


def test_memory_that_the_driver_reserves_does_not_count_as_used(tmp_path, start):
    gpu = Gpu(0, memory_total_mib=1000, memory_used_mib=250, memory_reserved_mib=50)
    scaler = start(fake=FakeNvml(tmp_path, [gpu])).wait_sampled()
    assert scaler.value(metricType="memory_used_mib", targetValue=1) == 250
    assert scaler.value(metricType="memory_used_percent") == 25


def test_an_old_driver_without_newer_functions(tmp_path, start):
    fake = FakeNvml(tmp_path, eight_gpus())
    scaler = start("--nvml-library", FAKE_NVML_OLD, fake=fake).wait_sampled()
    for metric, expected in METRICS.items():
        for index in (0, 7):
            value = scaler.value(metricType=metric, targetValue=50, gpuIndex=index)
            assert value == pytest.approx(expected[index], abs=1e-9), metric
    assert fake.calls("nvmlDeviceGetMemoryInfo") > 0
    assert fake.calls("nvmlDeviceGetMemoryInfo_v2") == 0


def test_a_metric_that_is_not_supported_is_asked_for_once(fake, start):
    for gpu in fake.gpus:
        gpu.rules = ["error nvmlDeviceGetPowerUsage 3"]
    fake.write()
    scaler = start(fake=fake).wait_sampled()
    power = {"metricType": "power_draw", "targetValue": 100}
    assert "nvmlDeviceGetPowerUsage: Not Supported" in scaler.unavailable(**power)
    assert "GPU 0" in scaler.unavailable(**power)
    assert scaler.value() == 80
    assert scaler.series("gpu_power_draw_watts") == []
    assert len(scaler.series("gpu_temperature_celsius")) == 8
    errors = scaler.gauge("collection_errors_total")
    scaler.wait_rounds(5)
    assert fake.calls("nvmlDeviceGetPowerUsage") == 8
    # What a GPU never had is not trouble.
    assert scaler.gauge("collection_errors_total") == errors


def test_the_slow_pcie_call_is_never_made(node):
    node.wait_rounds(5)
    assert node.fake.calls("nvmlDeviceGetPowerUsage") > 8
    assert node.fake.calls("nvmlDeviceGetPcieThroughput") == 0
