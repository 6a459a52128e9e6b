# SPDX-License-Identifier: Apache-2.0
"""Clients that are many, come and go, or mean no good."""

import concurrent.futures
import os
import random
import socket
import threading

import externalscaler_pb2
import externalscaler_pb2_grpc
import grpc
import pytest
import reflection_pb2
import reflection_pb2_grpc
from deaf_client import DeafClient
from harness import (PATIENCE_S, RPC_DEADLINE_S, new_channel, refusal, scaled_object, wait_until)


def test_no_descriptor_leaks_with_clients_that_come_and_go(node):
    descriptors = lambda: len(os.listdir(f"/proc/{node.process.pid}/fd"))
    before = descriptors()
    for _ in range(50):
        with new_channel(node.port, own_connection=True) as channel:
            stub = externalscaler_pb2_grpc.ExternalScalerStub(channel)
            stub.IsActive(scaled_object({}), timeout=PATIENCE_S)
        assert node.probe("/healthz")[0] == 200
    wait_until(lambda: descriptors() <= before + 10, "descriptors closed")


def test_fifty_clients_at_once(node):
    def client(index):
        with new_channel(node.port, own_connection=True) as channel:
            stub = externalscaler_pb2_grpc.ExternalScalerStub(channel)
            # Connecting fifty times on a busy machine is not what is measured.
            grpc.channel_ready_future(channel).result(timeout=PATIENCE_S)
            request = externalscaler_pb2.GetMetricsRequest(
                scaledObjectRef=scaled_object({"gpuIndex": index % 8}))
            return [stub.GetMetrics(request, timeout=10).metricValues[0].metricValueFloat
                    for _ in range(20)]

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(client, range(50)))
    assert answers == [[10 * (index % 8 + 1)] * 20 for index in range(50)]


def test_server_reflection_takes_few_threads(node):
    """gRPC answers it on a thread for each stream."""
    threads = lambda: len(os.listdir(f"/proc/{node.process.pid}/task"))
    before = threads()
    closed = threading.Event()

    def requests():
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        closed.wait()

    def is_answered(stream):
        return refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, next, stream) is None

    with new_channel(node.port, own_connection=True) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        streams = [stub.ServerReflectionInfo(requests(), timeout=PATIENCE_S) for _ in range(60)]
        try:
            answered = [is_answered(stream) for stream in streams]
            assert any(answered) and not all(answered)
            assert threads() <= before + 16
            assert node.probe("/healthz")[0] == 200
            node.value()
        finally:
            closed.set()


def test_a_stream_that_takes_in_nothing_ends(fake, start):
    """A message to it is under way for ever, and would hold up its end."""
    scaler = start("--stream-max-age", "10s", "--max-connection-age", "0s", fake=fake)
    scaler.wait_sampled()
    with DeafClient(scaler.port) as deaf:
        for _ in range(3):
            deaf.call("/externalscaler.ExternalScaler/StreamIsActive", scaled_object({}))
        wait_until(lambda: scaler.gauge("open_streams") == 3, "the streams")
        wait_until(lambda: scaler.gauge("open_streams") == 0, "their end")
        assert scaler.value() == 80


GARBAGE = {
    "random": random.Random(6000).randbytes(4096),
    "zeros": bytes(4096),
    "http1": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "http2-then-random": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + random.Random(1).randbytes(4096),
    "tls": bytes.fromhex("16030100c8010000c40303") + random.Random(2).randbytes(200),
    "endless-line": b"GET /" + b"a" * 200_000,
    "endless-headers": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 50_000,
    "nothing": b"",
}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_on_every_port(node, garbage):
    for port in (node.port, node.metrics_port, node.probe_port):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
            try:
                client.sendall(GARBAGE[garbage])
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
            except OSError:
                pass  # Hanging up on us is a fine answer.
    assert not node.ended()
    assert node.value() == 80
    assert node.probe("/healthz")[0] == 200
    assert node.gauge("gpu_device_count") == 8


def call_with(scaler, metadata, timeout):
    return scaler.keda.IsActive(scaled_object(metadata), timeout=timeout).result


def test_oversize_metadata(node):
    """What is large, and within the limits, is refused for what is in it."""
    def refused(code, metadata):
        return refusal(code, call_with, node, metadata, PATIENCE_S)
    assert "unknown key" in refused(grpc.StatusCode.INVALID_ARGUMENT, {"x": "y" * 16 * 2**10})
    assert "metricName" in refused(grpc.StatusCode.INVALID_ARGUMENT,
                                   {"metricName": "y" * 16 * 2**10})
    many = {f"key{i}": "v" * 1000 for i in range(128)}
    assert "more" in refused(grpc.StatusCode.INVALID_ARGUMENT, many)
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "--max-metadata-value-bytes" in refused(exhausted, {"x": "y" * 200 * 2**10})
    assert "--max-metadata-keys" in refused(exhausted, {f"key{i}": "v" for i in range(10_000)})
    assert "--max-request-bytes" in refused(exhausted, {"x": "y" * 300 * 2**10})
    assert refused(exhausted, {"x": "y" * 5 * 2**20})
    assert node.value() == 80


def test_a_method_that_is_none(node):
    call = node.channel.unary_unary("/externalscaler.ExternalScaler/NoSuch")
    with pytest.raises(grpc.RpcError) as error:
        call(b"", timeout=RPC_DEADLINE_S)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert node.value() == 80


def test_a_message_that_is_none(node):
    call = node.channel.unary_unary("/externalscaler.ExternalScaler/IsActive")
    with pytest.raises(grpc.RpcError) as error:
        call(b"\xff" * 100, timeout=RPC_DEADLINE_S)
    # What gRPC 1.51 makes of it; later ones say INTERNAL.
    assert error.value.code() in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL)
    assert node.value() == 80
