# SPDX-License-Identifier: Apache-2.0
"""The simulated backend, and that nothing else ever simulates."""

from pathlib import Path

import pytest
from harness import FAKE_NVML, SERVICE, is_log_line, run, wait_until

BUSY = """
gpus:
  - name: First
    gpu_utilization: 30
    memory_total_mib: 1000
    memory_used_mib: 250
    memory_utilization: 12
    temperature: 55
    power_draw: 210
  - name: Second
    gpu_utilization: 70
    memory_total_mib: 1000
    memory_used_mib: 750
"""


@pytest.fixture
def gpus(tmp_path):
    file = tmp_path / "gpus.yaml"
    file.write_text(BUSY)
    return file


def replace(file, text):
    following = Path(str(file) + ".next")
    following.write_text(text)
    following.replace(file)


@pytest.fixture
def scaler(start, gpus):
    return start("--gpu-backend", "simulated", "--simulated-gpus", str(gpus)).wait_sampled()


def test_values(scaler):
    assert scaler.value() == 70
    assert scaler.value(aggregation="avg") == 50
    assert scaler.value(gpuIndex=0) == 30
    assert scaler.value(profile="vllm-inference") == 75
    assert scaler.value(metricType="power_draw", targetValue=100, gpuIndex=0) == 210
    # The second GPU never had the metric: it is left out where the first has it.
    assert scaler.value(metricType="power_draw", targetValue=100) == 210
    assert "GPU 1" in scaler.unavailable(metricType="power_draw", targetValue=100, gpuIndex=1)
    assert scaler.gauge("gpu_device_count") == 2
    assert scaler.gauge("gpu_temperature_celsius", gpu_name="First") == 55
    assert scaler.gauge("driver_open", backend="simulated") == 1
    wait_until(lambda: scaler.serving(SERVICE), "SERVING")


def test_a_changed_file_is_read_again(scaler, gpus):
    stream = scaler.open_stream(activationThreshold=65, pollIntervalSeconds=3600)
    wait_until(lambda: stream.results() == [True], "the state at once")
    replace(gpus, BUSY.replace("gpu_utilization: 70", "gpu_utilization: 60"))
    scaler.wait_value(60)
    wait_until(lambda: stream.results() == [True, False], "the change")
    gpus.write_text(BUSY.replace("gpu_utilization: 70", "gpu_utilization: 95"))
    scaler.wait_value(95)


def test_a_gpu_that_leaves_the_file_is_lost(scaler, gpus):
    replace(gpus, BUSY.split("  - name: Second")[0])
    scaler.wait_value(30)
    assert "is lost" in scaler.unavailable(gpuIndex=1)
    assert scaler.gauge("gpu_lost", gpu_index="1") == 1


def test_a_broken_file_is_said_once_and_the_last_good_content_stays(scaler, gpus):
    replace(gpus, "gpus:\n  - gpu_utilization: 120\n")
    warned = lambda: [line for line in scaler.log()
                      if line["level"] in ("warn", "error") and str(gpus) in str(line)]
    wait_until(warned, "the warning")
    assert any(f"{gpus}:2" in str(line) for line in warned()), warned()
    scaler.wait_rounds(5)
    assert len(warned()) == 1
    assert scaler.value() == 70
    gpus.unlink()
    scaler.wait_rounds(5)
    assert scaler.value() == 70
    gpus.write_text(BUSY.replace("70", "71"))
    scaler.wait_value(71)


def test_load_over_time(start, tmp_path):
    file = tmp_path / "gpus.yaml"
    file.write_text("gpus: [{gpu_utilization: {points: [[0s, 10], [1s, 90]], shape: step}}]\n")
    scaler = start("--gpu-backend", "simulated", "--simulated-gpus", str(file)).wait_sampled()
    stream = scaler.open_stream(activationThreshold=50, pollIntervalSeconds=3600)
    scaler.wait_value(90)
    wait_until(lambda: stream.results()[-1:] == [True], "activity")


def test_a_gpu_that_is_lost_for_a_while(start, tmp_path):
    file = tmp_path / "gpus.yaml"
    gpus = "gpus:\n  - {gpu_utilization: 20}\n  - {gpu_utilization: 80}\n"
    file.write_text(gpus)
    scaler = start("--gpu-backend", "simulated", "--simulated-gpus", str(file)).wait_sampled()
    # The file's time starts when it is read, so the loss cannot be over before anybody looks.
    file.write_text(gpus.replace("80}", "80, lost: {from: 1s, until: 4s}}"))
    wait_until(lambda: scaler.gauge("gpu_lost", gpu_index="1") == 1, "the loss")
    wait_until(lambda: scaler.gauge("gpu_lost", gpu_index="1") == 0, "the return")
    scaler.wait_value(80)


def test_the_file_of_scripts_run(start):
    file = Path(__file__).parents[2] / "scripts" / "simulated-gpus.yaml"
    scaler = start("--gpu-backend", "simulated", "--simulated-gpus", str(file)).wait_sampled()
    assert scaler.gauge("gpu_device_count") == 2
    # Whatever the point of its two minutes.
    for metric, least, most in (("gpu_utilization", 0, 96), ("memory_utilization", 0, 55),
                                ("memory_used_percent", 0.48, 90), ("temperature", 34, 71),
                                ("power_draw", 72, 640)):
        value = scaler.value(metricType=metric, targetValue=50, gpuIndex=0)
        assert least <= value <= most, metric


def assert_cannot_start(result, *words):
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert all(is_log_line(line) for line in lines), lines
    errors = [line for line in lines if '"level":"error"' in line]
    assert len(errors) == 1, lines
    for word in words:
        assert word in errors[0]


PORTS = ["--bind-address", "127.0.0.1", "--port", "auto", "--metrics-port", "auto",
         "--probe-port", "auto"]


def test_simulated_without_a_file():
    result = run(*PORTS, "--gpu-backend", "simulated")
    assert_cannot_start(result, "--simulated-gpus")


def test_simulated_with_a_file_that_is_not_there():
    result = run(*PORTS, "--gpu-backend", "simulated", "--simulated-gpus", "/nonexistent/gpus.yaml")
    assert_cannot_start(result, "--simulated-gpus", "/nonexistent/gpus.yaml", "No such file")


def test_simulated_with_a_broken_file(tmp_path):
    file = tmp_path / "gpus.yaml"
    file.write_text("gpus:\n  - gpu_utilisation: 12\n")
    result = run(*PORTS, "--gpu-backend", "simulated", "--simulated-gpus", str(file))
    assert_cannot_start(result, f"{file}:2", "gpu_utilisation", "gpu_utilization")


@pytest.mark.parametrize("backend", [[], ["--gpu-backend", "auto"], ["--gpu-backend", "nvml"]])
def test_only_simulated_simulates(start, gpus, backend):
    scaler = start(*backend, "--simulated-gpus", str(gpus), "--nvml-library", "/nonexistent/nvml")
    text = scaler.wait_unavailable("cannot load /nonexistent/nvml")
    scaler.assert_stays_unavailable(text)
    assert scaler.series("gpu_utilization_percent") == []


def test_the_simulated_backend_leaves_the_driver_alone(start, gpus, fake):
    environment = fake.environment()
    scaler = start("--gpu-backend", "simulated", "--simulated-gpus", str(gpus),
                   "--nvml-library", FAKE_NVML, env=environment).wait_sampled()
    assert scaler.value() == 70
    assert not fake.calls_file.exists()
