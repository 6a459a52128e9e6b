# SPDX-License-Identifier: Apache-2.0
"""Drivers and GPUs that fail, vanish or come back. No number is ever made up."""

import shutil

from fake_driver import FakeNvml, Gpu
from harness import FAKE_NVML, SERVICE, wait_until

POWER = {"metricType": "power_draw", "targetValue": 100}


# The driver as a whole.


def test_library_that_appears_after_the_start(fake, start, tmp_path):
    library = tmp_path / "driver" / "libnvidia-ml.so.1"
    scaler = start("--nvml-library", str(library), fake=fake)
    text = scaler.wait_unavailable(f"cannot load {library}")
    assert "is the NVIDIA driver installed on this node?" in text
    assert scaler.gauge("driver_open", backend="nvml") == 0
    assert scaler.gauge("gpu_device_count") is None, "nobody knows how many there are"
    assert not scaler.serving(SERVICE)
    scaler.assert_stays_unavailable(text)
    library.parent.mkdir()
    unfinished = library.with_suffix(".part")
    shutil.copy(FAKE_NVML, unfinished)
    unfinished.rename(library)
    scaler.wait_value(80)
    assert scaler.gauge("driver_open", backend="nvml") == 1
    assert scaler.gauge("gpu_device_count") == 8


def test_library_that_is_none(fake, start, tmp_path):
    library = tmp_path / "libnvidia-ml.so.1"
    library.write_text("not a shared object")
    scaler = start("--nvml-library", str(library), fake=fake)
    scaler.assert_stays_unavailable(scaler.wait_unavailable(f"cannot load {library}"))


def test_library_that_is_not_nvml(fake, start):
    scaler = start("--nvml-library", "libm.so.6", fake=fake)
    scaler.wait_unavailable("libm.so.6 has no function nvml", "not NVML")


def test_a_very_long_path_makes_a_short_text(fake, start):
    path = "/nonexistent" * 100 + "/libnvidia-ml.so.1"
    scaler = start("--nvml-library", path, fake=fake)
    # wait_unavailable checks the length.
    scaler.wait_unavailable("cannot load /nonexistent")


def test_driver_that_is_loaded_after_the_start(fake, start):
    fake.rules = ["error nvmlInit_v2 9"]
    fake.write()
    scaler = start(fake=fake)
    text = scaler.wait_unavailable("nvmlInit_v2: Driver Not Loaded", "kernel driver")
    assert scaler.gauge("blind") == 1
    scaler.assert_stays_unavailable(text)
    said = scaler.logged("GPU driver is not open", backend="nvml")
    assert len(said) == 1, "said once, not at each attempt"
    assert fake.calls("nvmlInit_v2") >= 2, "and tried again"
    fake.rules = []
    fake.write()
    scaler.wait_value(80)
    assert scaler.gauge("blind") == 0


def test_driver_that_lists_no_gpu(start, tmp_path):
    scaler = start(fake=FakeNvml(tmp_path, []))
    text = scaler.wait_unavailable("lists none on this node")
    assert scaler.gauge("gpu_device_count") == 0
    scaler.assert_stays_unavailable(text)


def test_replaced_driver_ends_the_process_after_the_grace(fake, start):
    scaler = start("--driver-mismatch-grace", "5s", fake=fake).wait_sampled()
    assert scaler.value() == 80
    fake.rules = ["error nvmlDeviceGetCount_v2 18", "error nvmlInit_v2 18"]
    fake.write()
    scaler.wait_unavailable("nvmlInit_v2: Driver/library version mismatch", "new process")
    assert scaler.process.wait(timeout=60) == 1
    errors = [line for line in scaler.log() if line["level"] == "error"]
    assert len(errors) == 1, errors
    assert "new process" in errors[0]["message"]
    assert errors[0]["backend"] == "nvml"


def test_mismatch_from_the_start_ends_the_process_too(fake, start):
    fake.rules = ["error nvmlInit_v2 18"]
    fake.write()
    scaler = start("--driver-mismatch-grace", "5s", fake=fake)
    assert scaler.process.wait(timeout=60) == 1


def test_replaced_driver_with_a_grace_of_zero_is_survived(fake, start):
    fake.rules = ["error nvmlInit_v2 18"]
    fake.write()
    scaler = start("--driver-mismatch-grace", "0s", fake=fake)
    text = scaler.wait_unavailable("nvmlInit_v2: Driver/library version mismatch")
    scaler.assert_stays_unavailable(text)
    fake.rules = []
    fake.write()
    scaler.wait_value(80)


def test_another_trouble_does_not_end_the_process(fake, start):
    fake.rules = ["error nvmlInit_v2 9"]
    fake.write()
    scaler = start("--driver-mismatch-grace", "1s", fake=fake)
    text = scaler.wait_unavailable("nvmlInit_v2: Driver Not Loaded")
    scaler.assert_stays_unavailable(text)
    assert not scaler.ended()


def test_uninitialized_driver_is_opened_again(fake, start):
    scaler = start(fake=fake).wait_sampled()
    opens = scaler.gauge("driver_opens_total")
    fake.rules = ["error nvmlDeviceGetPowerUsage 1"]
    fake.write()
    scaler.wait_unavailable("nvmlDeviceGetPowerUsage: Uninitialized")
    wait_until(lambda: scaler.gauge("driver_opens_total") > opens, "a new session")
    fake.rules = []
    fake.write()
    scaler.wait_value(80)
    assert fake.calls("nvmlShutdown") >= 1, "every nvmlInit_v2 is undone"


def test_driver_that_goes_and_comes_back(fake, start):
    scaler = start(fake=fake).wait_sampled()
    fake.rules = ["error nvmlDeviceGetCount_v2 9", "error nvmlInit_v2 9"]
    fake.write()
    text = scaler.wait_unavailable("nvmlInit_v2: Driver Not Loaded")
    assert scaler.series("gpu_utilization_percent") == [], "the last numbers do not freeze"
    scaler.assert_stays_unavailable(text)
    fake.rules = []
    fake.write()
    scaler.wait_value(80)
    assert len(scaler.series("gpu_utilization_percent")) == 8


# One GPU of eight.


def test_a_failing_gpu_makes_aggregates_unavailable_but_hides_no_other(fake, start):
    fake.gpus[3].rules = ["error nvmlDeviceGetPowerUsage 999"]
    fake.write()
    scaler = start(fake=fake).wait_sampled()
    text = scaler.unavailable(**POWER)
    assert "GPU 3" in text and fake.gpus[3].uuid in text
    assert "nvmlDeviceGetPowerUsage: Unknown Error" in text
    assert "GPU 2" not in text
    for aggregation in ("min", "avg", "sum", "p95"):
        assert scaler.unavailable(aggregation=aggregation, **POWER) == text
    assert scaler.value(gpuIndex=4, **POWER) == 140
    assert "GPU 3" in scaler.unavailable(gpuIndex=3, **POWER)
    assert scaler.value(gpuIndex=3) == 40, "its other metrics are read"
    assert scaler.value() == 80
    wait_until(lambda: scaler.gauge("collection_errors_total") > 0, "the count of it")
    wait_until(lambda: scaler.serving(SERVICE), "that it is not blind")
    scaler.assert_stays_unavailable(text, **POWER)
    fake.gpus[3].rules = []
    fake.write()
    scaler.wait_value(170, **POWER)


def test_many_failing_gpus_are_counted_not_listed(fake, start):
    fake.rules = ["error nvmlDeviceGetPowerUsage 999"]
    fake.write()
    scaler = start(fake=fake).wait_sampled()
    text = scaler.unavailable(**POWER)
    assert "GPU 0" in text and "and 5 more" in text


def test_a_lost_gpu_is_left_out_shown_and_found_again(fake, start):
    # The default interval: a reopen takes place between two answers, whatever the machine's load.
    scaler = start("--sampling-interval", "500ms", fake=fake).wait_sampled()
    fake.gpus[7].lost = True
    fake.write()
    scaler.wait_value(70)
    assert scaler.value(aggregation="min") == 10
    text = scaler.unavailable(gpuIndex=7)
    assert f"GPU 7 ({fake.gpus[7].uuid}) is lost" in text
    assert scaler.gauge("gpu_lost", gpu_index="7", gpu_uuid=fake.gpus[7].uuid) == 1
    assert scaler.series("gpu_lost").count(1) == 1
    assert scaler.series("gpu_utilization_percent", gpu_index="7") == []
    assert scaler.gauge("gpu_device_count") == 7
    # The search for it reopens the driver again and again and never disturbs the others.
    opens = scaler.gauge("driver_opens_total")

    def reopened():
        assert scaler.value() == 70
        return scaler.gauge("driver_opens_total") >= opens + 2
    wait_until(reopened, "two reopens")
    assert "is lost" in scaler.unavailable(gpuIndex=7)
    fake.gpus[7].lost = False
    fake.write()
    scaler.wait_value(80)
    assert scaler.gauge("gpu_lost", gpu_index="7") == 0
    assert scaler.gauge("gpu_device_count") == 8


def test_a_gpu_that_needs_a_reset_counts_as_lost(fake, start):
    fake.gpus[7].rules = ["error nvmlDeviceGetMemoryInfo_v2 16"]
    fake.write()
    scaler = start(fake=fake).wait_sampled()
    scaler.wait_value(70)
    assert "requires reset" in scaler.unavailable(gpuIndex=7)
    assert scaler.gauge("gpu_lost", gpu_index="7") == 1


def test_all_gpus_lost(fake, start):
    scaler = start(fake=fake).wait_sampled()
    for gpu in fake.gpus:
        gpu.lost = True
    fake.write()
    text = scaler.wait_unavailable("GPU 0", "is lost", "and 5 more")
    wait_until(lambda: not scaler.serving(SERVICE), "NOT_SERVING")
    assert scaler.gauge("blind") == 1
    # The reason settles once the driver was asked for each GPU anew.
    wait_until(lambda: scaler.gauge("driver_opens_total") >= 2, "a reopen")
    scaler.wait_rounds()
    text = scaler.unavailable()
    assert "is lost" in text
    scaler.assert_stays_unavailable(text)


def test_a_gpu_that_the_driver_no_longer_lists_is_lost(fake, start):
    scaler = start(fake=fake).wait_sampled()
    removed = fake.gpus.pop()
    fake.write()
    scaler.wait_value(70)
    wait_until(lambda: scaler.gauge("gpu_device_count") == 7, "seven GPUs")
    assert scaler.gauge("gpu_lost", gpu_uuid=removed.uuid) == 1
    scaler.wait_unavailable("GPU 7", "is lost", gpuIndex=7)
    fake.gpus.append(removed)
    fake.write()
    scaler.wait_value(80)
    assert scaler.gauge("gpu_lost", gpu_uuid=removed.uuid) == 0


def test_gpus_that_are_added_are_found(tmp_path, start):
    fake = FakeNvml(tmp_path, [Gpu(0, gpu_util=10)])
    scaler = start(fake=fake).wait_sampled()
    assert scaler.value() == 10
    fake.gpus.append(Gpu(1, gpu_util=90))
    fake.write()
    scaler.wait_value(90)
    assert scaler.value(gpuIndex=1) == 90
    assert scaler.gauge("gpu_device_count") == 2


def test_a_gpu_that_may_not_be_opened_is_left_out(fake, start):
    fake.gpus[7].rules = ["error nvmlDeviceGetHandleByIndex_v2 4"]
    fake.write()
    scaler = start(fake=fake).wait_sampled()
    assert scaler.value() == 70
    assert "Insufficient Permissions" in scaler.unavailable(gpuIndex=7)
    assert scaler.gauge("gpu_device_count") == 7
