# SPDX-License-Identifier: Apache-2.0
"""The protocol as KEDA speaks it: five RPCs, metadata, streams, health, reflection."""

import externalscaler_pb2
import grpc
import health_pb2
import pytest
import reflection_pb2
import reflection_pb2_grpc
from harness import (PATIENCE_S, RPC_DEADLINE_S, SERVICE, Stream, refusal, scaled_object,
                     wait_until)

INVALID = grpc.StatusCode.INVALID_ARGUMENT

# Profile: name, target, metric, and the threshold above which it is active (None: always is).
PROFILES = {
    "vllm-inference": ("keda_gpu_vllm_inference", 80, "memory_used_percent", 5),
    "triton-inference": ("keda_gpu_triton_inference", 75, "gpu_utilization", 10),
    "training": ("keda_gpu_training", 90, "gpu_utilization", None),
    "batch": ("keda_gpu_batch", 70, "memory_used_percent", 1),
    "ollama": ("keda_gpu_ollama", 70, "memory_used_percent", 3),
    "tgi-inference": ("keda_gpu_tgi_inference", 75, "memory_used_percent", 5),
}


@pytest.mark.parametrize("profile", PROFILES)
def test_profile(fake, start, profile):
    name, target, metric, threshold = PROFILES[profile]

    def set_load(busy_percent, used_percent):
        for gpu in fake.gpus:
            gpu.keys.update(gpu_util=busy_percent, memory_total_mib=10000,
                            memory_used_mib=100 * used_percent)
        fake.write()

    set_load(27, 35)
    scaler = start(fake=fake).wait_sampled()
    spec = scaler.metric_spec(profile=profile)
    assert (spec.metricName, spec.targetSize, spec.targetSizeFloat) == (name, target, target)
    answer = scaler.metric(profile=profile)
    assert answer.metricName == name
    assert answer.metricValueFloat == (27 if metric == "gpu_utilization" else 35)
    assert scaler.is_active(profile=profile)

    # At its threshold a workload is not active yet.
    set_load(threshold or 0, threshold or 0)
    scaler.wait_value(threshold or 0, profile=profile)
    assert scaler.is_active(profile=profile) == (threshold is None)


def test_without_metadata_the_defaults_hold(node):
    spec = node.metric_spec()
    assert (spec.metricName, spec.targetSize, spec.targetSizeFloat) == ("keda_gpu_metric", 80, 80)
    answer = node.metric()
    assert (answer.metricName, answer.metricValue, answer.metricValueFloat) == (
        "keda_gpu_metric", 80, 80)
    assert node.is_active()


def test_an_empty_request_is_answered_too(node):
    response = node.keda.GetMetrics(externalscaler_pb2.GetMetricsRequest(), timeout=RPC_DEADLINE_S)
    assert [value.metricValueFloat for value in response.metricValues] == [80]


@pytest.mark.parametrize("metadata, name, target, value", [
    ({"targetGpuUtilization": 55}, "keda_gpu_metric", 55, 80),
    ({"targetMemoryUtilization": 55, "aggregation": "min"}, "keda_gpu_metric", 55, 10),
    ({"profile": "triton-inference", "targetMemoryUtilization": 33}, "keda_gpu_triton_inference",
     33, 80),
    ({"profile": "vllm-inference", "targetValue": 41, "metricName": "mine"}, "mine", 41, 80),
    ({"metricType": "power_draw", "targetValue": 250, "aggregation": "sum"}, "keda_gpu_metric",
     250, 1080),
    ({"scalerAddress": "x:1", "enableTLS": "false", "unsafeSsl": "true", "tlsCertFile": "/x"},
     "keda_gpu_metric", 80, 80),
])
def test_explicit_keys(node, metadata, name, target, value):
    spec = node.metric_spec(**metadata)
    assert (spec.metricName, spec.targetSizeFloat) == (name, target)
    assert node.value(**metadata) == value


@pytest.mark.parametrize("target, int_target, float_target", [
    ("80", 80, 80),
    ("0.5", 1, 0.5),
    ("0.25", 1, 0.25),
    ("2.4", 2, 2.4),
    ("2.5", 3, 2.5),
    ("99.9", 100, 99.9),
])
def test_keda_before_2_17_reaches_the_same_replicas(node, target, int_target, float_target):
    spec = node.metric_spec(targetValue=target)
    assert (spec.targetSize, spec.targetSizeFloat) == (int_target, float_target)
    for index in range(8):
        answer = node.metric(targetValue=target, gpuIndex=index)
        value = 10 * (index + 1)
        assert answer.metricValueFloat == value
        # Old KEDA divides the integers, new KEDA the floats.
        assert answer.metricValue == int(value * int_target / float_target + 0.5)


@pytest.mark.parametrize("name", ["s0-keda_gpu_metric", "keda_gpu_metric", "anything-else"])
def test_any_metric_name_is_answered_by_that_name(node, name):
    answer = node.metric(name)
    assert (answer.metricName, answer.metricValueFloat) == (name, 80)


@pytest.mark.parametrize("metadata, words", [
    ({"targetValeu": "80"}, ["targetValeu", 'did you mean "targetValue"?']),
    ({"profile": "vlm-inference"},
     ["profile", "vlm-inference", "training", 'did you mean "vllm-inference"?']),
    ({"metricType": "gpu"}, ["metricType", "gpu", "gpu_utilization", "power_draw"]),
    ({"targetValue": "NaN"}, ["targetValue", "NaN"]),
    ({"targetValue": "inf"}, ["targetValue", "inf"]),
    ({"targetValue": "0"}, ["targetValue", "0.001"]),
    ({"targetValue": "-1"}, ["targetValue", "-1"]),
    ({"targetValue": "80%"}, ["targetValue", "80%"]),
    ({"targetValue": ""}, ["targetValue", "empty"]),
    ({"activationThreshold": "-1"}, ["activationThreshold", "-1"]),
    ({"gpuIndex": "-2"}, ["gpuIndex", "-2"]),
    ({"gpuIndex": "1.5"}, ["gpuIndex", "1.5"]),
    ({"aggregation": "median"}, ["aggregation", "median", "max", "p95"]),
    ({"pollIntervalSeconds": "0"}, ["pollIntervalSeconds", '"0"', "1"]),
    ({"targetGpuUtilization": "70", "targetMemoryUtilization": "70"},
     ["targetGpuUtilization", "targetMemoryUtilization"]),
    ({"targetGpuUtilization": "70", "targetValue": "60"}, ["targetGpuUtilization", "targetValue"]),
    ({"targetGpuUtilization": "70", "metricType": "temperature"},
     ["targetGpuUtilization", "metricType"]),
    ({"targetValue": "80", "targetValueFromEnv": "80"}, ["targetValue", "targetValueFromEnv"]),
])
def test_wrong_metadata_is_refused_by_every_rpc_alike(node, metadata, words):
    texts = {refusal(INVALID, call, **metadata)
             for call in (node.metric_spec, node.metric, node.is_active)}
    for rpc in (node.keda.StreamIsActive, node.keda.StreamMetricSpec):
        texts.add(refusal(INVALID, lambda r=rpc: list(r(scaled_object(metadata),
                                                        timeout=PATIENCE_S))))
    assert len(texts) == 1, texts
    text = texts.pop()
    assert text is not None, "answered"
    for word in words:
        assert word in text


def test_every_wrong_key_is_named_at_once(node):
    text = refusal(INVALID, node.metric, gpuIndex="x", aggregation="y", targetValue="z", nosuch="w")
    for key in ("gpuIndex", "aggregation", "targetValue", "nosuch"):
        assert key in text
    assert '"w"' not in text, "the value of an unknown key may be a password"


def test_many_wrong_keys_still_make_a_short_text(node):
    metadata = {f"unknown{i:03d}{'x' * 100}": "v" for i in range(100)}
    assert "more" in refusal(INVALID, node.metric, **metadata)


def test_unknown_metadata_warn_answers_and_logs_once_without_the_value(fake, start):
    scaler = start("--unknown-metadata", "warn", fake=fake).wait_sampled()
    for _ in range(3):
        assert scaler.value(targetValeu="s3cr3t") == 80
    warnings = wait_until(lambda: scaler.logged("trigger metadata"), "the warning")
    assert len(warnings) == 1
    assert warnings[0]["level"] == "warn"
    assert warnings[0]["object"] == "default/web"
    assert "targetValeu" in warnings[0]["warning"]
    assert "s3cr3t" not in "\n".join(scaler.lines)
    assert refusal(INVALID, scaler.metric, targetValue="x"), "known keys are checked as ever"


def test_from_env_is_read_as_the_key_and_never_shown(fake, start):
    scaler = start("--log-level", "debug", "--unknown-metadata", "warn", fake=fake).wait_sampled()
    assert scaler.metric_spec(targetValueFromEnv="41").targetSizeFloat == 41
    assert scaler.value(gpuIndexFromEnv="2") == 30
    for metadata in ({"targetValueFromEnv": "s3cr3t"}, {"gpuIndexFromEnv": "s3cr3t"},
                     {"profileFromEnv": "s3cr3t", "targetValue": "x"}):
        text = refusal(INVALID, scaler.metric, **metadata)
        assert next(iter(metadata)) in text
        assert "s3cr3t" not in text
    assert scaler.value(unknownFromEnv="s3cr3t") == 80
    wait_until(lambda: scaler.logged("trigger metadata"), "the warning")
    assert "s3cr3t" not in "\n".join(scaler.lines)


def test_metric_spec_needs_no_gpu(start):
    scaler = start("--nvml-library", "/nonexistent/libnvidia-ml.so.1")
    scaler.wait_unavailable()
    assert scaler.metric_spec(profile="vllm-inference").targetSizeFloat == 80
    assert scaler.is_active(profile="training"), "never scaled to zero, blind or not"


# Streams.


def test_stream_sends_the_state_at_once_and_each_change(fake, start):
    scaler = start(fake=fake).wait_sampled()
    # No repeat comes in between.
    stream = scaler.open_stream(activationThreshold=50, pollIntervalSeconds=3600)
    wait_until(lambda: stream.results() == [True], "the state at once")
    for busy, expected in ((50, [True, False]), (51, [True, False, True])):
        for gpu in fake.gpus:
            gpu.keys["gpu_util"] = busy
        fake.write()
        wait_until(lambda want=expected: stream.results() == want, "the change")
    scaler.wait_rounds(5)
    assert stream.results() == [True, False, True]


def test_stream_repeats_an_unchanged_state(node):
    stream = node.open_stream(pollIntervalSeconds=1)
    wait_until(lambda: len(stream.results()) >= 3, "repeats")
    assert set(stream.results()) == {True}
    stream.call.cancel()
    assert stream.wait_end() == grpc.StatusCode.CANCELLED
    wait_until(lambda: node.gauge("open_streams") == 0, "the stream to be forgotten")


def test_stream_says_nothing_while_blind(fake, start):
    fake.rules = ["error nvmlInit_v2 9"]
    fake.write()
    scaler = start(fake=fake)
    stream = scaler.open_stream(pollIntervalSeconds=1)
    wait_until(lambda: scaler.gauge("open_streams") == 1, "the stream")
    scaler.wait_rounds(15)
    assert stream.results() == []
    assert stream.code is None, "still open"
    fake.rules = []
    fake.write()
    wait_until(lambda: stream.results()[:1] == [True], "the state once there is one")


def test_metric_spec_stream_sends_the_spec_and_stays_open(node):
    stream = Stream(node.keda.StreamMetricSpec(scaled_object({"profile": "batch"})))
    wait_until(lambda: stream.messages, "the spec")
    node.wait_rounds(5)
    assert [[(spec.metricName, spec.targetSizeFloat) for spec in message.metricSpecs]
            for message in stream.messages] == [[("keda_gpu_batch", 70)]]
    assert stream.code is None, "still open"
    stream.call.cancel()
    assert stream.wait_end() == grpc.StatusCode.CANCELLED


def test_streams_end_with_ok_on_sigterm(fake, start):
    scaler = start(fake=fake).wait_sampled()
    activity = scaler.open_stream()
    specs = Stream(scaler.keda.StreamMetricSpec(scaled_object({})))
    wait_until(lambda: activity.messages and specs.messages, "both streams")
    assert scaler.stop() == 0
    assert activity.wait_end() == grpc.StatusCode.OK
    assert specs.wait_end() == grpc.StatusCode.OK


def test_stream_ends_with_ok_at_its_greatest_age(fake, start):
    scaler = start("--stream-max-age", "10s", fake=fake).wait_sampled()
    activity = scaler.open_stream()
    specs = Stream(scaler.keda.StreamMetricSpec(scaled_object({})))
    assert activity.wait_end() == grpc.StatusCode.OK
    assert specs.wait_end() == grpc.StatusCode.OK
    assert activity.results()[0] is True
    assert scaler.value() == 80


# grpc.health.v1 and reflection.


def test_health_follows_sight(fake, start):
    scaler = start(fake=fake).wait_sampled()
    wait_until(lambda: scaler.serving(SERVICE), "SERVING")
    assert scaler.serving("")
    fake.rules = ["error nvmlDeviceGetCount_v2 1", "error nvmlInit_v2 9"]
    fake.write()
    wait_until(lambda: not scaler.serving(SERVICE), "NOT_SERVING")
    scaler.wait_unavailable("nvmlInit_v2")
    assert scaler.serving(""), "a blind scaler stays reachable"
    fake.rules = []
    fake.write()
    wait_until(lambda: scaler.serving(SERVICE), "SERVING again")
    # One GPU is sight; the highest of all takes each.
    scaler.wait_value(80)


def test_health_watch_tells_of_changes(fake, start):
    scaler = start(fake=fake).wait_sampled()
    wait_until(lambda: scaler.serving(SERVICE), "SERVING")
    watch = Stream(scaler.health.Watch(health_pb2.HealthCheckRequest(service=SERVICE)))
    status = health_pb2.HealthCheckResponse
    seen = lambda: [message.status for message in list(watch.messages)]
    wait_until(lambda: seen() == [status.SERVING], "the state at once")
    for gpu in fake.gpus:
        gpu.lost = True
    fake.write()
    wait_until(lambda: seen() == [status.SERVING, status.NOT_SERVING], "blindness")
    for gpu in fake.gpus:
        gpu.lost = False
    fake.write()
    wait_until(lambda: seen() == [status.SERVING, status.NOT_SERVING, status.SERVING], "sight")


def test_health_of_an_unknown_service_is_not_found(node):
    request = health_pb2.HealthCheckRequest(service="nosuch")
    with pytest.raises(grpc.RpcError) as error:
        node.health.Check(request, timeout=RPC_DEADLINE_S)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def reflect(scaler, **question):
    stub = reflection_pb2_grpc.ServerReflectionStub(scaler.channel)
    request = reflection_pb2.ServerReflectionRequest(**question)
    return next(stub.ServerReflectionInfo(iter([request]), timeout=PATIENCE_S))


def test_reflection_lists_the_services(node):
    answer = reflect(node, list_services="")
    names = {service.name for service in answer.list_services_response.service}
    assert {SERVICE, "grpc.reflection.v1alpha.ServerReflection"} <= names


def test_reflection_describes_kedas_service(node):
    answer = reflect(node, file_containing_symbol=SERVICE)
    files = answer.file_descriptor_response.file_descriptor_proto
    ours = externalscaler_pb2.DESCRIPTOR.serialized_pb
    assert ours in files
