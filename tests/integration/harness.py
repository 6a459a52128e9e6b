# SPDX-License-Identifier: Apache-2.0
"""A running scaler and its clients, as the tests of this folder use them."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import externalscaler_pb2
import externalscaler_pb2_grpc
import grpc
import health_pb2
import health_pb2_grpc

BINARY = os.environ["KGS_TEST_BINARY"]
FAKE_NVML = os.environ["KGS_TEST_FAKE_NVML"]
FAKE_NVML_OLD = os.environ["KGS_TEST_FAKE_NVML_OLD"]
VERSION = os.environ["KGS_TEST_VERSION"]

# For what must happen but may be slow under sanitizers; conditions are met long before.
PATIENCE_S = 60
# The contract of GetMetrics and IsActive.
RPC_DEADLINE_S = 1
# The contract of SIGTERM.
STOP_DEADLINE_S = 5

SERVICE = "externalscaler.ExternalScaler"


def wait_until(condition, what="the condition", timeout=PATIENCE_S):
    """Polls until `condition()` is true, and returns what it returned."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout} s; at last {result!r}")
        time.sleep(0.02)


def _environment(extra):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KGS_")}
    for name in list(kept):
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
            del kept[name]
    return {**kept, **extra}


def run(*arguments, env=None):
    """Runs the binary to its end: for what does not serve."""
    return subprocess.run(
        [BINARY, *arguments],
        env=_environment(env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


class Scaler:
    """One running process, from the line "serving" on. Use as a context manager."""

    # All that ran during the present test, for conftest.py.
    of_this_test = []

    def __init__(self, *arguments, fake=None, env=None, ports="auto"):
        """Ports are free ones unless `ports` is None; any flag can be given again."""
        command = [BINARY, "--bind-address", "127.0.0.1", "--sampling-interval", "100ms",
                   "--health-check-interval", "1s"]
        if ports is not None:
            for flag in ("--port", "--metrics-port", "--probe-port"):
                command += [flag, ports]
        environment = dict(env or {})
        if fake is not None:
            command += ["--nvml-library", FAKE_NVML]
            environment.update(fake.environment())
        self.lines = []
        self._channel = None
        self.process = subprocess.Popen(
            [*command, *arguments],
            env=_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        Scaler.of_this_test.append(self)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def _read_log(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self):
        try:
            serving = wait_until(lambda: self.logged("serving") or self.ended(), "serving")
            assert serving is not True, f"ended with status {self.process.returncode}"
            self.port, self.metrics_port, self.probe_port = (
                None if serving[0][key] == "disabled" else int(serving[0][key])
                for key in ("port", "metrics_port", "probe_port"))
            self._channel = new_channel(self.port)
            grpc.channel_ready_future(self._channel).result(timeout=PATIENCE_S)
            self.keda = externalscaler_pb2_grpc.ExternalScalerStub(self._channel)
            self.health = health_pb2_grpc.HealthStub(self._channel)
        except BaseException:
            self.process.kill()
            self._end()
            raise
        return self

    def __exit__(self, kind, error, traceback):
        try:
            # A client of this library that makes no call takes no notice of the server's good-bye,
            # which costs the server all of its patience.
            self._channel.close()
            if not self.ended():
                assert self.stop() == 0
        finally:
            self.process.kill()
            self._end()
        not_json = [line for line in self.lines if not is_log_line(line)]
        assert not not_json, not_json

    def _end(self):
        self.process.wait()
        self._reader.join(timeout=PATIENCE_S)
        if self._channel is not None:
            self._channel.close()

    def ended(self):
        return self.process.poll() is not None

    def stop(self, number=signal.SIGTERM):
        """Sends the signal. Returns the exit status, which must come in time."""
        self.process.send_signal(number)
        return self.process.wait(timeout=STOP_DEADLINE_S)

    # The log.

    def log(self):
        """Every line so far that is JSON, as an object."""
        return [json.loads(line) for line in list(self.lines) if is_log_line(line)]

    def logged(self, message, **fields):
        """The log lines of that message, and of those fields."""
        return [line for line in self.log()
                if line["message"] == message and fields.items() <= line.items()]

    # KEDA's calls. Metadata is given by keyword.

    def metric_spec(self, **metadata):
        response = self.keda.GetMetricSpec(scaled_object(metadata), timeout=RPC_DEADLINE_S)
        assert len(response.metricSpecs) == 1, response
        return response.metricSpecs[0]

    def metric(self, metric_name="", **metadata):
        request = externalscaler_pb2.GetMetricsRequest(
            scaledObjectRef=scaled_object(metadata), metricName=metric_name)
        response = self.keda.GetMetrics(request, timeout=RPC_DEADLINE_S)
        assert len(response.metricValues) == 1, response
        return response.metricValues[0]

    def value(self, **metadata):
        return self.metric(**metadata).metricValueFloat

    def is_active(self, **metadata):
        return self.keda.IsActive(scaled_object(metadata), timeout=RPC_DEADLINE_S).result

    def why_unavailable(self, **metadata):
        """The text that GetMetrics and IsActive refuse with, for polling: None while they do not
        both, or in different words."""
        texts = {refusal(grpc.StatusCode.UNAVAILABLE, call, **metadata)
                 for call in (self.value, self.is_active)}
        return texts.pop() if len(texts) == 1 else None

    def wait_value(self, expected, **metadata):
        """Waits for that value. Meanwhile another, or UNAVAILABLE, is fine."""
        def answered():
            try:
                return self.value(**metadata) == expected
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAVAILABLE, error
                return False
        wait_until(answered, f"the value {expected}")

    def wait_unavailable(self, *words, **metadata):
        """Waits for an error with all of these words, and returns it."""
        def refused():
            text = self.why_unavailable(**metadata)
            return text if text and all(word in text for word in words) else None
        return wait_until(refused, f"UNAVAILABLE with {words}")

    def assert_stays_unavailable(self, text, **metadata):
        """Each new text is a new Kubernetes event: it is the same for more than three seconds."""
        for _ in range(2):
            self.wait_rounds(16)
            assert self.unavailable(**metadata) == text

    def unavailable(self, **metadata):
        """The text that both must refuse with now."""
        text = self.why_unavailable(**metadata)
        assert text is not None, "answered, or refused in different words"
        return text

    def open_stream(self, **metadata):
        return Stream(self.keda.StreamIsActive(scaled_object(metadata)))

    # gRPC's health service.

    def serving(self, service):
        """Whether the health service says SERVING."""
        request = health_pb2.HealthCheckRequest(service=service)
        status = self.health.Check(request, timeout=RPC_DEADLINE_S).status
        assert status in (health_pb2.HealthCheckResponse.SERVING,
                          health_pb2.HealthCheckResponse.NOT_SERVING), status
        return status == health_pb2.HealthCheckResponse.SERVING

    # The pages.

    def get(self, port, path):
        """Status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def probe(self, path):
        """Status and body, as JSON, of a page on the probe port."""
        status, body = self.get(self.probe_port, path)
        return status, json.loads(body)

    def thread(self, name):
        """A thread as /healthz shows it."""
        return {row["name"]: row for row in self.probe("/healthz")[1]["threads"]}[name]

    def series(self, name, **labels):
        """The values on /metrics of the series of that name that have these labels."""
        status, body = self.get(self.metrics_port, "/metrics")
        assert status == 200
        return [value for series, found, value in parse_metrics(body)
                if series == "keda_gpu_scaler_" + name and labels.items() <= found.items()]

    def gauge(self, name, **labels):
        """The one such value, or None where there is no series."""
        values = self.series(name, **labels)
        assert len(values) <= 1, values
        return values[0] if values else None

    def wait_rounds(self, rounds=2):
        """Waits for so many sampling rounds. The second began after the call of this did."""
        first = self.gauge("collections_total")
        wait_until(lambda: self.gauge("collections_total") >= first + rounds, "sampling rounds")

    def wait_sampled(self):
        """Waits for readings of every GPU there is. Returns this, for one-line starts."""
        def sampled():
            _, body = self.get(self.metrics_port, "/metrics")
            series = list(parse_metrics(body))
            counted = [value for name, _, value in series
                       if name == "keda_gpu_scaler_gpu_device_count"]
            read = {labels["gpu_index"] for name, labels, _ in series
                    if name == "keda_gpu_scaler_gpu_reading_age_seconds"}
            return read and counted == [len(read)]
        wait_until(sampled, "first readings")
        return self


class Stream:
    """Follows a gRPC stream on a thread of its own."""

    def __init__(self, call):
        self.call = call
        self.messages = []
        self.code = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self):
        try:
            for message in self.call:
                self.messages.append(message)
        except grpc.RpcError:
            pass
        self.code = self.call.code()

    def results(self):
        """The states that StreamIsActive has sent so far."""
        return [message.result for message in list(self.messages)]

    def wait_end(self):
        """The status code that the stream ends with."""
        return wait_until(lambda: self.code, "the end of the stream")


def new_channel(port, own_connection=False):
    return grpc.insecure_channel(
        f"127.0.0.1:{port}",
        options=[("grpc.enable_http_proxy", 0),
                 ("grpc.use_local_subchannel_pool", int(own_connection))])


def scaled_object(metadata):
    return externalscaler_pb2.ScaledObjectRef(
        name="web", namespace="default", scalerMetadata={k: str(v) for k, v in metadata.items()})


def refusal(code, call, *arguments, **metadata):
    """The text with which `call` is refused, or None where it is not. KEDA makes an event of it."""
    try:
        call(*arguments, **metadata)
    except grpc.RpcError as error:
        assert error.code() == code, error
        text = error.details()
        assert text and len(text.encode()) < 512, text
        return text
    return None


def is_log_line(line):
    try:
        parsed = json.loads(line)
    except ValueError:
        return False
    return (isinstance(parsed, dict) and {"time", "level", "message"} <= parsed.keys()
            and all(isinstance(value, str) for value in parsed.values()))


def parse_metrics(text):
    """Prometheus' text format: (name, labels, value) of every series."""
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        match = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line)
        assert match, line
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
        yield match[1], labels, float(match[3])


def free_port():
    """A port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
