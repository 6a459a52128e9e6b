# SPDX-License-Identifier: Apache-2.0
"""Flags, ports, pages, the log, and signals."""

import contextlib
import os
import pathlib
import signal
import socket

import grpc
import pytest
from harness import (FAKE_NVML, PATIENCE_S, VERSION, free_port, is_log_line, refusal, run,
                     wait_until)
from ports import free_ports

PORT_FLAGS = ["--port", "--metrics-port", "--probe-port"]


def with_ports(**given):
    """Arguments with free ports for those flags that are not given."""
    arguments = []
    for flag in PORT_FLAGS:
        arguments += [flag, str(given.get(flag.strip("-").replace("-", "_"), "auto"))]
    return arguments


# Starting.


def assert_says_port_is_taken(result, port):
    assert result.returncode == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert all(is_log_line(line) for line in lines), lines
    errors = [line for line in lines if '"level":"error"' in line]
    assert len(errors) == 1, lines
    assert str(port) in errors[0] and "Address already in use" in errors[0]
    assert '"serving"' not in result.stderr


@pytest.mark.parametrize("flag", PORT_FLAGS)
@pytest.mark.parametrize("address", ["127.0.0.1", ""])
def test_a_taken_port_is_one_clear_line(fake, flag, address):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        arguments = with_ports(**{flag.strip("-").replace("-", "_"): port})
        result = run(*arguments, "--bind-address", address, "--nvml-library", FAKE_NVML,
                     env=fake.environment())
    assert_says_port_is_taken(result, port)


@pytest.mark.parametrize("flag", PORT_FLAGS)
@pytest.mark.parametrize("address", ["127.0.0.1", ""])
def test_a_port_is_not_shared_with_another_scaler(fake, start, flag, address):
    holder = start("--bind-address", address, fake=fake)
    port = {"--port": holder.port, "--metrics-port": holder.metrics_port,
            "--probe-port": holder.probe_port}[flag]
    arguments = with_ports(**{flag.strip("-").replace("-", "_"): port})
    result = run(*arguments, "--bind-address", address, "--nvml-library", FAKE_NVML,
                 env=fake.environment())
    assert_says_port_is_taken(result, port)
    assert holder.wait_sampled().value() == 80


def test_two_flags_with_one_port():
    result = run("--port", "7000", "--metrics-port", "7000")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "--metrics-port 7000" in result.stderr and "--port" in result.stderr


def test_every_wrong_flag_is_said_at_once():
    result = run("--port", "banana", "--sampling-interval", "1ms", "--log-levle=info", "stray",
                 env={"KGS_GPU_BACKEND": "cuda"})
    assert result.returncode == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 5, lines
    for words in (["--port", "banana"], ["--sampling-interval", "1ms", "100ms"],
                  ["--log-levle", "did you mean --log-level?"], ["stray"],
                  ["KGS_GPU_BACKEND", "cuda", "nvml"]):
        assert any(all(word in line for word in words) for line in lines), (words, lines)


def test_version():
    result = run("--version")
    assert (result.returncode, result.stdout, result.stderr) == (
        0, f"keda-gpu-scaler {VERSION}\n", "")


def test_help_lists_every_flag_with_its_variable():
    result = run("--help")
    assert (result.returncode, result.stderr) == (0, "")
    for flag, variable in (("--port", "KGS_PORT"), ("--nvml-library", "KGS_NVML_LIBRARY"),
                           ("--unknown-metadata", "KGS_UNKNOWN_METADATA")):
        assert flag in result.stdout and variable in result.stdout


def listening_sockets(scaler):
    """How many listening TCP sockets the process has, whatever the descriptors of each."""
    pid = scaler.process.pid
    inodes = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as rows:
            for row in list(rows)[1:]:
                fields = row.split()
                if fields[3] == "0A":
                    inodes.add(f"socket:[{fields[9]}]")
    return len(set(open_files(pid)) & inodes)


def open_files(pid):
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        # The driver opens and closes its script meanwhile.
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(descriptor)


def test_port_zero_disables_a_page(fake, start):
    assert listening_sockets(start(fake=fake)) == 3
    scaler = start("--metrics-port", "0", "--probe-port", "0", fake=fake)
    assert (scaler.metrics_port, scaler.probe_port) == (None, None)
    assert listening_sockets(scaler) == 1
    assert scaler.metric_spec().targetSize == 80


def test_environment_variables_are_flags(fake, start):
    port = free_port()
    scaler = start(fake=fake, ports=None, env={
        "KGS_PORT": str(port), "KGS_METRICS_PORT": "auto", "KGS_PROBE_PORT": "0",
        "KGS_SAMPLING_INTERVAL": "1m"})
    assert scaler.port == port
    assert scaler.probe_port is None
    # The flag that the harness gives wins over the variable.
    assert scaler.logged("serving", sampling_interval="100ms")
    assert scaler.wait_sampled().value() == 80


def test_the_default_address_takes_ipv4(fake, start):
    scaler = start("--bind-address", "", fake=fake).wait_sampled()
    assert scaler.value() == 80
    assert scaler.probe("/readyz")[0] == 200


# The pages.


def test_metrics_page(fake, start):
    scaler = start(fake=fake).wait_sampled()
    for index in range(8):
        labels = {"gpu_index": str(index), "gpu_uuid": fake.gpus[index].uuid,
                  "gpu_name": "NVIDIA Fake GPU"}
        for name, value in {
                "gpu_utilization_percent": 10 * (index + 1),
                "gpu_memory_utilization_percent": 5 * index,
                "gpu_memory_used_bytes": 2**33 * (index + 1),
                "gpu_memory_total_bytes": 80 * 2**30,
                "gpu_temperature_celsius": 40 + index,
                "gpu_power_draw_watts": 100 + 10 * index,
                "gpu_lost": 0,
                "gpu_call_hung": 0}.items():
            assert scaler.gauge(name, **labels) == value, name
        age = scaler.gauge("gpu_reading_age_seconds", metric="gpu_utilization", **labels)
        assert 0 <= age < 3
    assert scaler.gauge("gpu_device_count") == 8
    assert scaler.gauge("driver_open", backend="nvml") == 1
    assert scaler.gauge("driver_opens_total") == 1
    assert scaler.gauge("build_info", version=VERSION) == 1
    # A first round that a busy machine did not finish counts as one.
    errors = scaler.gauge("collection_errors_total")
    scaler.wait_rounds(5)
    assert scaler.gauge("collection_errors_total") == errors
    assert scaler.gauge("collection_duration_seconds_count") >= 2
    assert scaler.gauge("collection_duration_seconds_bucket", le="+Inf") >= 2


def test_requests_and_errors_are_counted_by_method(fake, start):
    scaler = start(fake=fake).wait_sampled()
    for _ in range(3):
        scaler.value()
    scaler.is_active()
    assert refusal(grpc.StatusCode.INVALID_ARGUMENT, scaler.value, gpuIndex="x")
    assert refusal(grpc.StatusCode.UNAVAILABLE, scaler.is_active, gpuIndex=9)
    counts = lambda name: {method: scaler.gauge(name, method=method) for method in (
        "IsActive", "StreamIsActive", "GetMetricSpec", "GetMetrics", "StreamMetricSpec")}
    assert counts("scaler_requests_total") == {
        "IsActive": 2, "StreamIsActive": 0, "GetMetricSpec": 0, "GetMetrics": 4,
        "StreamMetricSpec": 0}
    assert counts("scaler_request_errors_total") == {
        "IsActive": 1, "StreamIsActive": 0, "GetMetricSpec": 0, "GetMetrics": 1,
        "StreamMetricSpec": 0}


def test_the_series_of_a_failed_reading_disappears_and_comes_back(fake, start):
    scaler = start(fake=fake).wait_sampled()
    assert scaler.gauge("gpu_temperature_celsius", gpu_index="5") == 45
    fake.gpus[5].rules = ["error nvmlDeviceGetTemperatureV 999"]
    fake.write()
    wait_until(lambda: scaler.series("gpu_temperature_celsius", gpu_index="5") == [], "no series")
    assert len(scaler.series("gpu_temperature_celsius")) == 7
    assert scaler.gauge("gpu_power_draw_watts", gpu_index="5") == 150
    wait_until(lambda: scaler.gauge("collection_errors_total") > 0, "the count of it")
    fake.gpus[5].rules = []
    fake.write()
    wait_until(lambda: scaler.gauge("gpu_temperature_celsius", gpu_index="5") == 45, "the series")


def test_names_of_gpus_are_escaped(fake, start):
    fake.gpus[0].keys["name"] = 'GPU "A" \\ 80GB'
    fake.write()
    scaler = start(fake=fake).wait_sampled()
    assert scaler.gauge("gpu_lost", gpu_index="0", gpu_name='GPU \\"A\\" \\\\ 80GB') == 0


def test_readyz_is_true_while_blind(fake, start):
    fake.rules = ["error nvmlInit_v2 9"]
    fake.write()
    scaler = start(fake=fake)
    wait_until(lambda: scaler.probe("/readyz")[0] == 200, "the first attempt")
    status, ready = scaler.probe("/readyz")
    assert (status, ready["status"]) == (200, "ready")
    assert "Driver Not Loaded" in ready["blind"]
    wait_until(lambda: scaler.serving(""), "gRPC health")
    fake.rules = []
    fake.write()
    wait_until(lambda: "blind" not in scaler.probe("/readyz")[1], "sight")


def test_healthz_lists_the_threads(fake, start):
    scaler = start(fake=fake).wait_sampled()
    status, health = scaler.probe("/healthz")
    assert (status, health["status"]) == (200, "ok")
    names = [row["name"] for row in health["threads"]]
    assert names == ["sampler", "nvml", *(f"nvml-{i}" for i in range(8)), "rocm", "streams",
                     "lookups"]
    for row in health["threads"]:
        assert 0 <= row["age_seconds"] < row["limit_seconds"]
        assert row["stuck"] is False


def test_unknown_pages_and_methods(node):
    status, body = node.get(node.probe_port, "/metrics")
    assert status == 404 and "/healthz" in body
    status, body = node.get(node.metrics_port, "/")
    assert status == 404 and "/metrics" in body
    with socket.create_connection(("127.0.0.1", node.probe_port), timeout=PATIENCE_S) as client:
        client.sendall(b"DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 405")


# The log.


def test_every_log_line_is_json(fake, start):
    scaler = start("--log-level", "debug", fake=fake).wait_sampled()
    fake.gpus[1].lost = True
    fake.write()
    wait_until(lambda: scaler.logged("GPU is lost"), "the loss")
    assert scaler.stop() == 0
    wait_until(lambda: scaler.logged("stopped"), "the last line")
    assert len(scaler.log()) == len(scaler.lines) >= 4
    assert {line["level"] for line in scaler.log()} >= {"info", "warn"}


def test_text_log(fake):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        result = run(*with_ports(port=holder.getsockname()[1]), "--log-format", "text",
                     "--bind-address", "127.0.0.1")
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert any(" error cannot start reason=" in line for line in lines), lines
    assert not any(is_log_line(line) for line in lines)


# keda-gpu-scaler ask.


def test_ask_prints_what_keda_would_get(node):
    result = run("ask", f"127.0.0.1:{node.port}", "profile=vllm-inference", "gpuIndex=4")
    assert (result.returncode, result.stderr) == (0, "")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["GetMetricSpec", "keda_gpu_vllm_inference", "target", "80"],
        ["GetMetrics", "keda_gpu_vllm_inference", "value", "50"],
        ["IsActive", "true"],
    ]


def test_ask_shows_errors(node):
    result = run("ask", f"127.0.0.1:{node.port}", "gpuIndex=9")
    assert result.returncode == 1
    assert "GetMetricSpec  keda_gpu_metric target 80" in result.stdout
    for method in ("GetMetrics", "IsActive"):
        line = next(line for line in result.stdout.splitlines() if line.startswith(method + " "))
        assert "error 14: gpuIndex 9: no such GPU" in line


def test_ask_where_nobody_answers():
    result = run("ask", f"127.0.0.1:{free_port()}")
    assert result.returncode == 1
    assert "error 14" in result.stdout


def test_ask_with_a_wrong_argument():
    result = run("ask", "profile")
    assert result.returncode == 2
    assert "neither HOST:PORT, NAMESPACE/NAME nor KEY=VALUE" in result.stderr


# Signals.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it(fake, start, number):
    scaler = start(fake=fake).wait_sampled()
    assert scaler.stop(number) == 0
    wait_until(lambda: scaler.logged("stopped"), "the last line")
    assert scaler.logged("stopping", signal=number.name)
    assert fake.calls("nvmlShutdown") == 1, "the driver is let go"


def test_a_second_sigterm_changes_nothing(fake, start):
    fake.rules = ["hang nvmlInit_v2"]
    fake.write()
    scaler = start(fake=fake)
    # The stop takes its while, since it waits for the driver a moment.
    scaler.process.send_signal(signal.SIGTERM)
    wait_until(lambda: scaler.logged("stopping"), "the first")
    assert scaler.stop() == 0


def test_a_long_interval_does_not_delay_the_stop(fake, start):
    scaler = start("--sampling-interval", "1m", fake=fake).wait_sampled()
    assert scaler.value() == 80
    assert scaler.stop() == 0


def test_idle_clients_do_not_delay_the_stop(fake, start):
    scaler = start(fake=fake).wait_sampled()
    clients = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
               for port in (scaler.port, scaler.metrics_port, scaler.probe_port)
               for _ in range(10)]
    clients[-1].sendall(b"GET /healthz HTTP/1.1\r\n")
    assert scaler.stop() == 0
    for client in clients:
        client.close()


def test_ports_are_free_at_once_after_a_stop(fake, start):
    ports = [word for flag, port in zip(PORT_FLAGS, free_ports(3)) for word in (flag, str(port))]
    assert start(*ports, fake=fake).wait_sampled().stop() == 0
    assert start(*ports, fake=fake).wait_sampled().value() == 80
