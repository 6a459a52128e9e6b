# SPDX-License-Identifier: Apache-2.0
"""A running scaler and its clients, as tests of the whole binary use them."""

import copy
import threading
import time

import externalscaler_pb2
import externalscaler_pb2_grpc
import grpc
import health_pb2
import health_pb2_grpc
from ports import free_port
from program import (BINARY, FAKE_NVML, FAKE_NVML_OLD, PATIENCE_S, STOP_DEADLINE_S, VERSION,
                     Program, is_log_line, parse_metrics, run, wait_until)

__all__ = ["BINARY", "FAKE_NVML", "FAKE_NVML_OLD", "PATIENCE_S", "STOP_DEADLINE_S", "VERSION",
           "RPC_DEADLINE_S", "SERVICE", "Answering", "Keda", "Program", "Scaler", "Stream",
           "free_port", "is_log_line", "new_channel", "parse_metrics", "refusal", "run",
           "scaled_object", "wait_until"]

# The contract of GetMetrics and IsActive.
RPC_DEADLINE_S = 1

SERVICE = "externalscaler.ExternalScaler"

# By code, words of an answer about a trigger that Kubernetes has not told of yet. It is waited for
# most of the second (scaler::WaitingCalls), which may leave a busy machine too little of it.
NOT_HEARD_YET = {
    grpc.StatusCode.DEADLINE_EXCEEDED: ("",),
    grpc.StatusCode.INVALID_ARGUMENT: ("knows no", "none of its triggers")}


class Keda:
    """KEDA's calls for one object. Metadata is given by keyword. `passing` as of NOT_HEARD_YET:
    what is fine beside UNAVAILABLE while an answer is waited for."""

    def __init__(self, keda, namespace="default", name="web", passing=None):
        self.keda = keda
        self.passing = passing or {}
        self.deadline_s = RPC_DEADLINE_S
        self._of = {"namespace": namespace, "name": name}

    def patient(self):
        """The same without the second, for a trigger that Kubernetes does not know: a hub says so
        when it has waited for it most of that time."""
        result = copy.copy(self)
        result.deadline_s = PATIENCE_S
        return result

    def _object(self, metadata):
        return scaled_object(metadata, **self._of)

    def metric_spec(self, **metadata):
        response = self.keda.GetMetricSpec(self._object(metadata), timeout=self.deadline_s)
        assert len(response.metricSpecs) == 1, response
        return response.metricSpecs[0]

    def metric(self, metric_name="", **metadata):
        request = externalscaler_pb2.GetMetricsRequest(
            scaledObjectRef=self._object(metadata), metricName=metric_name)
        response = self.keda.GetMetrics(request, timeout=self.deadline_s)
        assert len(response.metricValues) == 1, response
        return response.metricValues[0]

    def value(self, **metadata):
        return self.metric(**metadata).metricValueFloat

    def is_active(self, **metadata):
        return self.keda.IsActive(self._object(metadata), timeout=self.deadline_s).result

    def why_unavailable(self, **metadata):
        """The text that GetMetrics and IsActive refuse with, for polling: None while they do not
        both, or in different words."""
        texts = {self._why_unavailable(call, metadata) for call in (self.value, self.is_active)}
        return texts.pop() if len(texts) == 1 else None

    def _why_unavailable(self, call, metadata):
        try:
            call(**metadata)
        except grpc.RpcError as error:
            return None if self._passes(error) else _text_of(error, grpc.StatusCode.UNAVAILABLE)
        return None

    def _passes(self, error):
        return any(words in error.details() for words in self.passing.get(error.code(), ()))

    def wait_value(self, expected, **metadata):
        """Waits for that value. Meanwhile another, or UNAVAILABLE, is fine."""
        def answered():
            try:
                return self.value(**metadata) == expected
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAVAILABLE or self._passes(error), error
                return False
        wait_until(answered, f"the value {expected}")

    def wait_unavailable(self, *words, **metadata):
        """Waits for an error with all of these words, and returns it."""
        def refused():
            text = self.why_unavailable(**metadata)
            return text if text and all(word in text for word in words) else None
        return wait_until(refused, f"UNAVAILABLE with {words}")

    def unavailable(self, **metadata):
        """The text that both must refuse with now."""
        text = self.why_unavailable(**metadata)
        assert text is not None, "answered, or refused in different words"
        return text

    def open_stream(self, **metadata):
        return Stream(self.keda.StreamIsActive(self._object(metadata)))


class Answering(Keda, Program):
    """A process that answers KEDA, asked by the default object."""

    ports = ("port", "metrics_port", "probe_port")
    channel = None
    # A security.Client; None where the port is plaintext.
    client = None

    def __init__(self, command, env=None):
        Program.__init__(self, command, env)
        Keda.__init__(self, None)

    def _connect(self):
        self.channel = new_channel(self.port, address=self.address, client=self.client)
        grpc.channel_ready_future(self.channel).result(timeout=PATIENCE_S)
        self.keda = externalscaler_pb2_grpc.ExternalScalerStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def _disconnect(self):
        # A client of this library that makes no call takes no notice of the server's good-bye,
        # which costs the server all of its patience.
        if self.channel is not None:
            self.channel.close()

    def asked_by(self, namespace, name):
        """The calls of another object."""
        return Keda(self.keda, namespace, name, self.passing)

    # gRPC's health service.

    def serving(self, service):
        """Whether the health service says SERVING."""
        request = health_pb2.HealthCheckRequest(service=service)
        status = self.health.Check(request, timeout=RPC_DEADLINE_S).status
        assert status in (health_pb2.HealthCheckResponse.SERVING,
                          health_pb2.HealthCheckResponse.NOT_SERVING), status
        return status == health_pb2.HealthCheckResponse.SERVING


class Scaler(Answering):
    """One standalone process."""

    def __init__(self, *arguments, fake=None, env=None, ports="auto", client=None, prefix=list):
        """Ports are free ones unless `ports` is None; any flag can be given again. `prefix` makes
        of a command what is to be run instead."""
        self.client = client
        command = [BINARY, "--bind-address", "127.0.0.1", "--sampling-interval", "100ms",
                   "--health-check-interval", "1s"]
        if ports is not None:
            for flag in ("--port", "--metrics-port", "--probe-port", "--debug-port"):
                command += [flag, ports]
        environment = dict(env or {})
        if fake is not None:
            command += ["--nvml-library", FAKE_NVML]
            environment.update(fake.environment())
        super().__init__(prefix([*command, *arguments]), environment)
        if "--kubeconfig" in arguments:
            self.passing = NOT_HEARD_YET

    def assert_stays_unavailable(self, text, **metadata):
        """Each new text is a new Kubernetes event: it is the same for more than three seconds."""
        for _ in range(2):
            self.wait_rounds(16)
            assert self.unavailable(**metadata) == text

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
        # When the last of them came, by the monotonic clock.
        self.last_at = None
        self.code = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self):
        try:
            for message in self.call:
                self.last_at = time.monotonic()
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


def new_channel(port, own_connection=False, address="127.0.0.1", client=None):
    """Over TLS where `client` (security.Client) is given. Certificates have the name localhost."""
    options = [("grpc.enable_http_proxy", 0),
               ("grpc.use_local_subchannel_pool", int(own_connection))]
    where = f"{address}:{port}"
    if client is None:
        return grpc.insecure_channel(where, options)
    options.append(("grpc.ssl_target_name_override", "localhost"))
    return grpc.secure_channel(where, client.credentials(), options)


def scaled_object(metadata, namespace="default", name="web"):
    return externalscaler_pb2.ScaledObjectRef(
        name=name, namespace=namespace,
        scalerMetadata={k: str(v) for k, v in metadata.items()})


def refusal(code, call, *arguments, **metadata):
    """The text with which `call` is refused, or None where it is not. KEDA makes an event of it."""
    try:
        call(*arguments, **metadata)
    except grpc.RpcError as error:
        return _text_of(error, code)
    return None


def _text_of(error, code):
    assert error.code() == code, error
    text = error.details()
    assert text and len(text.encode()) < 512, text
    return text
