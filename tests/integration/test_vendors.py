# SPDX-License-Identifier: Apache-2.0
"""--gpu-backend auto: every vendor's GPUs, and no trouble for one that the node does not have."""

import pytest
from amd import FAKE_ROCM, NO_NVML, NVIDIA_GPU, AmdNode, require_private_sys
from fake_driver import AmdGpu, FakeNvml, Gpu
from harness import SERVICE, wait_until


@pytest.fixture(autouse=True)
def _needs():
    require_private_sys()


@pytest.fixture
def nvml(tmp_path):
    return FakeNvml(tmp_path, [Gpu(0, gpu_util=70)])


def assert_no_trouble(scaler):
    """Nothing that should have answered did not."""
    errors = scaler.gauge("collection_errors_total")
    scaler.wait_rounds(20)
    assert scaler.gauge("collection_errors_total") == errors
    assert scaler.gauge("blind") == 0
    assert scaler.probe("/readyz")[0] == 200
    assert scaler.serving(SERVICE)
    assert not [line for line in scaler.log()
                if line["level"] in ("warn", "error") and "GPU" in line["message"]]


def test_both_vendors(tmp_path, nvml):
    node = AmdNode(tmp_path)
    with node.scaler(fake=nvml) as scaler:
        scaler.wait_value(100, aggregation="sum")
        assert scaler.value() == 70
        assert scaler.gauge("driver_open", backend="nvml") == 1
        assert scaler.gauge("driver_open", backend="rocm") == 1
        assert scaler.gauge("gpu_utilization_percent", gpu_uuid=node.rocm.gpus[1].uuid) == 20
        assert_no_trouble(scaler)


def test_nvidia_alone(tmp_path, nvml):
    node = AmdNode(tmp_path, gpus=0)
    node.sysfs.add_pci("0000:65:00.0", *NVIDIA_GPU)
    with node.scaler(fake=nvml) as scaler:
        scaler.wait_value(70)
        assert scaler.gauge("driver_open", backend="nvml") == 1
        wait_until(lambda: scaler.series("driver_open", backend="rocm") == [], "that there is none")
        assert_no_trouble(scaler)
        assert len(scaler.logged("GPU driver is not open", backend="rocm", level="info")) == 1
        assert node.rocm.calls("rsmi_init") == 0, "it would write to standard error"


def test_amd_alone(tmp_path):
    with AmdNode(tmp_path).scaler(*NO_NVML) as scaler:
        scaler.wait_value(20)
        assert scaler.gauge("driver_open", backend="rocm") == 1
        wait_until(lambda: scaler.series("driver_open", backend="nvml") == [], "that there is none")
        assert scaler.gauge("gpu_device_count") == 2
        assert_no_trouble(scaler)
        assert len(scaler.logged("GPU driver is not open", backend="nvml", level="info")) == 1


def test_a_driver_whose_gpus_are_there_is_missed(tmp_path):
    """An NVIDIA GPU on the bus, and no NVML: AMD's readings do not hide it."""
    node = AmdNode(tmp_path)
    node.sysfs.add_pci("0000:65:00.0", *NVIDIA_GPU)
    with node.scaler(*NO_NVML) as scaler:
        scaler.wait_value(20)
        assert scaler.gauge("driver_open", backend="nvml") == 0
        errors = scaler.gauge("collection_errors_total")
        wait_until(lambda: scaler.gauge("collection_errors_total") > errors, "errors")
        wait_until(lambda: scaler.logged("GPU driver is not open", backend="nvml", level="warn"),
                   "the attempt")


def test_an_amd_gpu_without_the_library_is_missed(tmp_path, nvml):
    library = tmp_path / "librocm_smi64.so.1"
    with AmdNode(tmp_path).scaler(fake=nvml, library=str(library)) as scaler:
        scaler.wait_value(70)
        assert scaler.gauge("driver_open", backend="rocm") == 0
        logged = wait_until(lambda: scaler.logged("GPU driver is not open", backend="rocm",
                                                  level="warn"), "the attempt")
        assert f"cannot load {library}" in logged[0]["reason"]
        library.symlink_to(FAKE_ROCM)
        scaler.wait_value(100, aggregation="sum")
        assert scaler.gauge("driver_open", backend="rocm") == 1


def test_no_vendor_at_all(tmp_path):
    with AmdNode(tmp_path, gpus=0).scaler(*NO_NVML) as scaler:
        text = scaler.wait_unavailable("nvml: cannot load /nonexistent/libnvidia-ml.so.1",
                                       "rocm: no AMD GPU: no card under /sys/class/drm is AMD's")
        scaler.assert_stays_unavailable(text)
        for backend in ("nvml", "rocm"):
            assert scaler.gauge("driver_open", backend=backend) == 0
        assert scaler.gauge("gpu_device_count") is None, "nobody knows how many there are"
        assert scaler.gauge("blind") == 1
        errors = scaler.gauge("collection_errors_total")
        wait_until(lambda: scaler.gauge("collection_errors_total") > errors, "errors")


def test_an_amd_driver_that_comes_later(tmp_path, nvml):
    node = AmdNode(tmp_path, gpus=0)
    with node.scaler(fake=nvml) as scaler:
        scaler.wait_value(70)
        node.rocm.gpus = [AmdGpu(0, busy=95)]
        node.rocm.write()
        node.sysfs.add_kfd()
        node.sysfs.add_card(0, "0000:03:00.0")
        scaler.wait_value(95)
        assert scaler.gauge("driver_open", backend="rocm") == 1


def test_rocm_by_name_does_without_nvml(tmp_path):
    with AmdNode(tmp_path).scaler("--gpu-backend", "rocm") as scaler:
        scaler.wait_value(20)
        assert scaler.series("driver_open", backend="nvml") == []
        assert scaler.thread("rocm-1")["doing"] == ""
