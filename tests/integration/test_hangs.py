# SPDX-License-Identifier: Apache-2.0
"""Driver calls that do not return, or only late. Every answer still comes within its second."""

from harness import SERVICE, wait_until

HANG = "hang nvmlDeviceGetPowerUsage"


def test_a_hanging_device_call(fake, start):
    scaler = start(fake=fake).wait_sampled()
    fake.gpus[2].rules = [HANG]
    fake.write()
    # Each of these answers has one second (harness.RPC_DEADLINE_S).
    text = scaler.wait_unavailable("GPU 2", "nvmlDeviceGetPowerUsage has not returned")
    assert "GPU 3" not in text
    for index in (0, 1, 3, 7):
        assert scaler.value(gpuIndex=index) == 10 * (index + 1)
    assert "nvmlDeviceGetPowerUsage has not returned" in scaler.unavailable(gpuIndex=2)
    assert scaler.gauge("gpu_call_hung", gpu_index="2") == 1
    assert scaler.series("gpu_call_hung").count(0) == 7
    assert scaler.series("gpu_utilization_percent", gpu_index="2") == []
    assert scaler.serving(SERVICE), "the others are seen"
    status, health = scaler.probe("/healthz")
    assert (status, health["status"]) == (200, "ok")
    assert scaler.thread("nvml-2")["doing"] == "nvmlDeviceGetPowerUsage"
    assert scaler.thread("nvml-2")["age_seconds"] >= 2
    assert scaler.thread("nvml-1")["doing"] == ""
    scaler.assert_stays_unavailable(text)

    fake.gpus[2].rules = []
    fake.gpus[2].keys["gpu_util"] = 95
    fake.write()
    scaler.wait_value(95)
    assert scaler.gauge("gpu_call_hung", gpu_index="2") == 0
    assert len(scaler.logged("driver call has returned")) == 1


def test_sigterm_while_a_device_call_hangs(fake, start):
    fake.gpus[2].rules = [HANG]
    fake.write()
    scaler = start(fake=fake)
    wait_until(lambda: fake.calls("nvmlDeviceGetPowerUsage") >= 8, "the hang")
    assert scaler.stop() == 0
    assert scaler.logged("a driver call is stuck: ending without waiting for it")


def test_nvml_init_that_hangs(fake, start):
    fake.rules = ["hang nvmlInit_v2"]
    fake.write()
    scaler = start(fake=fake)
    text = scaler.wait_unavailable("nvmlInit_v2 has not returned")
    assert scaler.metric_spec().targetSize == 80
    status, ready = scaler.probe("/readyz")
    assert (status, ready["status"]) == (200, "ready")
    assert "nvmlInit_v2 has not returned" in ready["blind"]
    assert scaler.probe("/healthz")[0] == 200
    assert scaler.thread("nvml")["doing"] == "nvmlInit_v2"
    scaler.assert_stays_unavailable(text)
    fake.rules = []
    fake.write()
    scaler.wait_value(80)


def test_sigterm_while_nvml_init_hangs(fake, start):
    fake.rules = ["hang nvmlInit_v2"]
    fake.write()
    scaler = start(fake=fake)
    wait_until(lambda: fake.calls_file.exists() and fake.calls("nvmlInit_v2") == 1, "the hang")
    assert scaler.stop() == 0


def test_a_driver_that_hangs_when_it_is_opened_again(fake, start):
    scaler = start(fake=fake).wait_sampled()
    fake.rules = ["error nvmlDeviceGetCount_v2 1", "hang nvmlInit_v2"]
    fake.write()
    # The last readings are served until they are stale; then the call is named.
    text = scaler.wait_unavailable("nvmlInit_v2 has not returned")
    wait_until(lambda: not scaler.serving(SERVICE), "NOT_SERVING")
    assert scaler.series("gpu_utilization_percent") == []
    scaler.assert_stays_unavailable(text)
    fake.rules = []
    fake.write()
    scaler.wait_value(80)


def test_a_gpu_lost_while_another_hangs(fake, start):
    scaler = start(fake=fake).wait_sampled()
    fake.gpus[2].rules = [HANG]
    fake.gpus[7].lost = True
    fake.write()
    scaler.wait_unavailable("GPU 2", "nvmlDeviceGetPowerUsage has not returned")
    scaler.wait_unavailable("GPU 7", "is lost", gpuIndex=7)
    # The driver cannot be reopened with a call in it: the others are read on all the same.
    fake.gpus[0].keys["gpu_util"] = 11
    fake.write()
    scaler.wait_value(11, gpuIndex=0)
    fake.gpus[2].rules = []
    fake.gpus[7].lost = False
    fake.write()
    scaler.wait_value(80)


def test_a_hanging_count_of_gpus_stops_no_reading(fake, start):
    scaler = start(fake=fake).wait_sampled()
    fake.rules = ["hang nvmlDeviceGetCount_v2"]
    fake.write()
    wait_until(lambda: scaler.thread("nvml")["doing"] == "nvmlDeviceGetCount_v2", "the hang")
    fake.gpus[7].keys["gpu_util"] = 99
    fake.write()
    scaler.wait_value(99)


def test_every_gpu_hangs(fake, start):
    scaler = start(fake=fake).wait_sampled()
    for gpu in fake.gpus:
        gpu.rules = [HANG]
    fake.write()
    scaler.wait_unavailable("GPU 0", "nvmlDeviceGetPowerUsage has not returned")
    wait_until(lambda: not scaler.serving(SERVICE), "NOT_SERVING")
    assert scaler.gauge("blind") == 1
    # Only now: some of them may have hung a round later.
    text = scaler.wait_unavailable("GPU 0", "nvmlDeviceGetPowerUsage has not returned")
    scaler.assert_stays_unavailable(text)


def test_slow_calls_are_waited_for(fake, start):
    # Each GPU takes 250 ms a round, far more than the interval: late, but never unavailable.
    fake.rules = ["delay nvmlDeviceGetPowerUsage 250"]
    fake.write()
    scaler = start(fake=fake).wait_sampled()
    scaler.wait_value(80)

    def answers():
        assert scaler.value() == 80
        return fake.calls("nvmlDeviceGetPowerUsage") >= 80
    wait_until(answers, "ten readings of every GPU")
    assert scaler.series("gpu_call_hung") == [0] * 8


# The slow one: the least limit is ten seconds.
def test_healthz_fails_when_a_call_hangs_beyond_the_limit(fake, start):
    scaler = start("--device-hang-limit", "10s", fake=fake).wait_sampled()
    assert scaler.probe("/healthz")[0] == 200
    fake.gpus[2].rules = [HANG]
    fake.write()
    wait_until(lambda: scaler.probe("/healthz")[0] == 503, "503")
    _, health = scaler.probe("/healthz")
    assert health["status"] == "stuck"
    assert [row["name"] for row in health["threads"] if row["stuck"]] == ["nvml-2"]
    assert scaler.thread("nvml-2")["age_seconds"] > 10
    assert scaler.value(gpuIndex=0) == 10
    assert scaler.probe("/readyz")[0] == 200
