# SPDX-License-Identifier: Apache-2.0
"""MIG devices: each is its pod's, comes and goes while we run, and is never another's number."""

import pytest
from fake_driver import FakeNvml, Gpu, Mig, gpm
from program import parse_metrics

LEVEL = {"metricType": "gpu_utilization", "targetValue": 80}
WATTS = {"metricType": "power_draw", "targetValue": 250}
GRAPHICS, SM = 1, 2


def device(slot, instance, busy, used, profile="1g.10gb"):
    mig = Mig(slot, instance, profile, memory_used_mib=used)
    mig.rules = gpm({GRAPHICS: busy, SM: busy - 1})
    return mig


def hopper():
    """A GPU with MIG devices in slots 0 and 2, and one without MIG."""
    split = Gpu(0, mig_mode=0, gpm=1, temperature=55, power_mw=300000)
    split.migs = [device(0, 7, 70, 1024), device(2, 1, 20, 5120)]
    return [split, Gpu(1, gpu_util=40, temperature=45, power_mw=100000)]


@pytest.fixture
def split(tmp_path, start):
    """A scaler over these."""
    fake = FakeNvml(tmp_path, hopper())
    scaler = start("--sampling-interval", "150ms", fake=fake).wait_sampled()
    scaler.fake = fake
    return scaler


def assert_no_errors(scaler):
    """But for a first round that a busy machine did not finish."""
    errors = scaler.gauge("collection_errors_total")
    scaler.wait_rounds(5)
    assert scaler.gauge("collection_errors_total") == errors


def by_uuid(scaler, family):
    """The values of a family by the UUIDs of the GPUs."""
    _, page = scaler.get(scaler.metrics_port, "/metrics")
    return {labels["gpu_uuid"]: value for name, labels, value in parse_metrics(page)
            if name == "keda_gpu_scaler_" + family}


def test_each_instance_is_on_the_page_with_its_own_numbers(split):
    gpu, other = (one.uuid for one in split.fake.gpus)
    first, second = (mig.uuid for mig in split.fake.gpus[0].migs)
    split.wait_value(70, **LEVEL)
    assert by_uuid(split, "gpu_utilization_percent") == {first: 70, second: 20, other: 40}
    assert by_uuid(split, "gpu_memory_used_bytes") == {
        first: 1024 << 20, second: 5120 << 20, other: 0}
    assert by_uuid(split, "gpu_temperature_celsius") == {gpu: 55, other: 45}, (
        "on the GPU's series alone")
    assert set(by_uuid(split, "gpu_sm_utilization_percent")) == {first, second}


def test_over_the_node_power_counts_once(split):
    split.wait_value(400, metricType="power_draw", targetValue=250, aggregation="sum")


def test_instances_come_and_go(split):
    split.wait_value(70, **LEVEL)
    gpu = split.fake.gpus[0]
    gpu.migs = [device(0, 7, 70, 1024), device(3, 9, 95, 0)]
    split.fake.write()
    split.wait_value(95, **LEVEL)
    gone = "MIG-00000000-0000-0000-0000-000000000002"
    assert gone not in by_uuid(split, "gpu_info"), "taken apart on purpose"
    assert by_uuid(split, "gpu_lost") == {one.uuid: 0 for one in split.fake.gpus}, "by GPU"
    gpu.migs = []
    gpu.keys["gpu_util"] = 33
    split.fake.write()
    split.wait_value(40, **LEVEL)
    assert by_uuid(split, "gpu_utilization_percent") == {
        gpu.uuid: 33, split.fake.gpus[1].uuid: 40}


def test_enabling_mig_while_running(tmp_path, start):
    """What the GPU had as a whole is its MIG devices' now, and no failure."""
    fake = FakeNvml(tmp_path, [Gpu(0, mig_mode=0, gpm=1, gpu_util=90, memory_used_mib=500),
                               Gpu(1, gpu_util=10, memory_used_mib=100)])
    scaler = start("--sampling-interval", "150ms", fake=fake).wait_sampled()
    scaler.wait_value(90, **LEVEL)
    fake.gpus[0].migs = [device(0, 7, 30, 200)]
    fake.write()
    scaler.wait_value(30, **LEVEL)
    memory = {"metricType": "memory_used_mib", "targetValue": 80, "aggregation": "sum"}
    scaler.wait_value(300, **memory)
    assert_no_errors(scaler)


def test_a_slot_that_is_used_again_never_shows_the_others_number(split):
    split.wait_value(70, **LEVEL)
    gpu = split.fake.gpus[0]
    new = device(0, 7, 5, 64)
    new.keys["uuid"] = "MIG-11111111-0000-0000-0000-000000000000"
    old = gpu.migs[0].uuid
    gpu.migs[0] = new
    split.fake.write()
    split.wait_value(40, **LEVEL)
    numbers = by_uuid(split, "gpu_utilization_percent")
    assert numbers[new.uuid] == 5
    assert old not in numbers


def test_on_ampere_utilization_is_an_error_and_memory_is_not(tmp_path, start):
    gpu = Gpu(0, gpm=0)
    gpu.migs = [Mig(0, 7, "1g.5gb", memory_total_mib=4864, memory_used_mib=2432)]
    scaler = start(fake=FakeNvml(tmp_path, [gpu])).wait_sampled()
    text = scaler.unavailable(**LEVEL)
    assert gpu.migs[0].uuid in text and "no GPM" in text, text
    assert scaler.value(metricType="memory_used_percent", targetValue=80) == 50
    assert_no_errors(scaler)


def test_pods_have_their_instances(fleet):
    """By the UUIDs that NVIDIA's device plugin gives, and the names that GKE's does."""
    node = fleet.nodes["node-a"]
    gpu = node.driver.gpus[1]
    gpu.keys["gpm"] = 1
    gpu.migs = [device(0, 7, 70, 1024), device(2, 1, 20, 5120)]
    node.driver.write()
    try:
        sliced = fleet.deploy("sliced", LEVEL, replicas=1)
        gke = fleet.deploy("gke-sliced", LEVEL, replicas=1)
        watts = fleet.scale("sliced-watts", WATTS, target_name="sliced")
        fleet.place(sliced, "sliced-0", "node-a",
                    devices={"nvidia.com/mig-1g.10gb": [gpu.migs[0].uuid]})
        fleet.place(gke, "gke-sliced-0", "node-a", devices={"nvidia.com/gpu": ["nvidia1/gi1"]})
        sliced.pods["sliced-0"] = [gpu.migs[0].uuid]
        gke.pods["gke-sliced-0"] = [gpu.migs[1].uuid]
        fleet.wait_right(sliced)
        fleet.wait_right(gke)
        fleet.wait_values(sliced, 70)
        fleet.wait_values(gke, 20)
        for hub in fleet.hubs:
            readings = hub.pods(sliced)["sliced-0"]["gpus"][0]["readings"]
            assert readings["power_draw"]["shared"] and "shared" not in readings["gpu_utilization"]
        # 100 W of the GPU, of which it has two.
        fleet.wait_values(watts, 50)
        # Taken apart under it: an error that names it, and no other device's number.
        gone = gpu.migs.pop(0)
        node.driver.write()
        for hub in fleet.hubs:
            hub.asked_for(sliced).wait_unavailable("default/sliced-0", gone.uuid)
        fleet.wait_values(gke, 20)
    finally:
        gpu.migs = []
        del gpu.keys["gpm"]
        node.driver.write()
        fleet.wait_right(fleet.web)
