# SPDX-License-Identifier: Apache-2.0
"""TLS on KEDA's port: who gets in, certificates that are renewed, connections that age or die."""

import contextlib
import socket
import ssl
import threading
import time

import debug_pb2
import debug_pb2_grpc
import externalscaler_pb2_grpc
import grpc
import pytest
from fleet_processes import Hub
from harness import (FAKE_NVML, PATIENCE_S, RPC_DEADLINE_S, Scaler, Stream, new_channel, run,
                     scaled_object, wait_until)
from kube_credentials import Authority
from security import Client, Security
from stalling_proxy import StallingProxy

PROXY = "127.0.0.3"
LEVEL = {"metricType": "gpu_utilization", "targetValue": "80"}


@pytest.fixture
def security(tmp_path):
    return Security(tmp_path / "security")


@pytest.fixture
def serve(fake, security):
    """Starts a scaler that wants a certificate of its clients, or does not."""
    with contextlib.ExitStack() as stack:
        def started(*arguments, mutual=True):
            scaler = Scaler(*security.tls(mutual), *arguments, fake=fake, client=security.client())
            return stack.enter_context(scaler).wait_sampled()
        yield started


def answers(scaler, client):
    """Whether a call over a new connection gets an answer."""
    with new_channel(scaler.port, own_connection=True, client=client) as channel:
        try:
            externalscaler_pb2_grpc.ExternalScalerStub(channel).IsActive(
                scaled_object(LEVEL), timeout=PATIENCE_S, wait_for_ready=False)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error
            return False
    return True


def test_without_a_certificate_of_its_own_any_client_gets_in(serve, security):
    scaler = serve(mutual=False)
    assert scaler.value(**LEVEL) == 80
    assert answers(scaler, security.nameless_client())
    assert not answers(scaler, None), "plaintext"
    assert not scaler.logged("KEDA's port is plaintext and answers whoever reaches it (--tls-cert)")


def test_a_client_must_show_a_certificate_of_the_authority(serve, security, tmp_path):
    scaler = serve()
    assert scaler.value(**LEVEL) == 80
    assert answers(scaler, security.client("another"))
    assert not answers(scaler, security.nameless_client())
    stranger = Authority(tmp_path / "stranger")
    assert not answers(scaler, Client(security.authority.certificate,
                                      *stranger.issue("keda", "keda")))
    expired = security.authority.issue("expired", "keda", valid=False)
    assert not answers(scaler, Client(security.authority.certificate, *expired))


def test_plaintext_is_said(start, fake):
    scaler = start(fake=fake)
    assert scaler.logged("KEDA's port is plaintext and answers whoever reaches it (--tls-cert)")


@pytest.mark.parametrize("version, accepted", [("TLSv1_1", False), ("TLSv1_2", True),
                                               ("TLSv1_3", True)])
def test_tls_is_1_2_at_least(serve, security, version, accepted):
    scaler = serve(mutual=False)
    context = ssl.create_default_context(cafile=security.authority.certificate)
    # What Debian itself would refuse to speak.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", scaler.port), timeout=PATIENCE_S) as plain:
        if accepted:
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                assert connection.version() == version.replace("v1_", "v1.")
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(plain, server_hostname="localhost")


def test_ask_speaks_tls(serve, security):
    scaler = serve()
    where = (f"127.0.0.1:{scaler.port}", *(f"{key}={value}" for key, value in LEVEL.items()))
    result = run("ask", *security.client().flags(), *where)
    assert (result.returncode, result.stderr) == (0, "")
    assert "IsActive       true" in result.stdout
    for flags in ((), security.nameless_client().flags()):
        result = run("ask", *flags, *where)
        assert result.returncode == 1
        assert "error 14" in result.stdout
    result = run("ask", "--ca-file", "/nowhere/ca.crt", *where)
    assert result.returncode == 2
    assert "/nowhere/ca.crt" in result.stderr
    result = run("ask", "--cert-file", "x", *where)
    assert result.returncode == 2
    assert "--key-file" in result.stderr


def test_a_wrong_file_is_said_at_the_start(fake, security):
    wrong = security.volume.path("ca.crt")
    result = run("--port", "auto", "--metrics-port", "0", "--probe-port", "0", "--nvml-library",
                 FAKE_NVML, "--tls-cert", str(security.volume.path("tls.crt")), "--tls-key",
                 str(wrong), env=fake.environment())
    assert result.returncode == 1
    assert f"{wrong}: holds no PEM private key" in result.stderr
    assert "-----" not in result.stderr


class Load:
    """Calls one after the other, each over a connection of its own, and a stream that is open all
    the while."""

    def __init__(self, scaler, client):
        self._scaler, self._client = scaler, client
        self._over = threading.Event()
        self.calls, self.failures = 0, []
        self._thread = threading.Thread(target=self._call)

    def __enter__(self):
        self.stream = self._scaler.open_stream(**LEVEL)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self.stream.call.cancel()

    def _call(self):
        while not self._over.is_set():
            with new_channel(self._scaler.port, own_connection=True,
                             client=self._client) as channel:
                try:
                    externalscaler_pb2_grpc.ExternalScalerStub(channel).IsActive(
                        scaled_object(LEVEL), timeout=PATIENCE_S)
                except grpc.RpcError as error:
                    self.failures.append(str(error))
            self.calls += 1

    def go_on(self):
        """Returns when some more calls have been made."""
        before = self.calls
        wait_until(lambda: self.calls > before + 3, "calls")


def test_certificates_are_renewed_under_load(serve, security):
    scaler = serve()
    with Load(scaler, security.client()) as load:
        load.go_on()
        for renewals in range(1, 4):
            security.renew()
            wait_until(lambda: len(scaler.logged("certificates were renewed", of="keda"))
                       == renewals, "the renewal")
            load.go_on()
        assert load.stream.code is None, "the connection that was there stayed"
    assert not load.failures
    # A look in the midst of a renewal may see files that do not fit; that did not last.
    assert scaler.gauge("tls_reload_failures_total", of="keda") <= renewals
    assert not scaler.logged("renewed certificates cannot be used; the ones from before are")


def test_an_authority_is_replaced_without_a_failed_call(serve, security, tmp_path):
    """First both are trusted, then certificates change, then the old one goes."""
    scaler = serve()
    old, new = security.authority, Authority(tmp_path / "new", "new-ca")
    both = old.certificate.read_bytes() + new.certificate.read_bytes()
    trusted = tmp_path / "both.crt"
    trusted.write_bytes(both)

    def renewed(times):
        wait_until(lambda: len(scaler.logged("certificates were renewed")) == times, "a renewal")
    with Load(scaler, Client(trusted, *old.issue("keda-1", "keda"))) as load:
        security.renew(ca_crt=both)
        renewed(1)
        load.go_on()
    assert not load.failures
    with Load(scaler, Client(trusted, *new.issue("keda-2", "keda"))) as load:
        load.go_on()
        security.authority = new
        security.renew(ca_crt=both)
        renewed(2)
        load.go_on()
        security.clients = new
        security.renew()
        renewed(3)
        load.go_on()
    assert not load.failures
    assert not answers(scaler, Client(new.certificate, *old.issue("keda-3", "keda")))


def test_what_does_not_fit_changes_nothing(serve, security):
    scaler = serve()
    expires = scaler.gauge("tls_certificate_expiry_timestamp_seconds", of="keda")
    assert 0 < expires - time.time() < 2 * 86400
    good = {name: security.volume.path(name).read_bytes() for name in ("tls.crt", "tls.key",
                                                                         "ca.crt")}
    _, other = security.authority.issue("other", "other", server=True)
    security.volume.write(tls_crt=good["tls.crt"], tls_key=other.read_bytes(),
                          ca_crt=good["ca.crt"])
    [said] = wait_until(
        lambda: scaler.logged("renewed certificates cannot be used; the ones from before are"),
        "the complaint")
    assert "tls.key: is not the key of the certificate in" in said["error"]
    assert answers(scaler, security.client())
    assert scaler.gauge("tls_reload_failures_total", of="keda") >= 2
    security.renew()
    wait_until(lambda: scaler.logged("certificates were renewed"), "the renewal")
    assert answers(scaler, security.client())


def test_a_peer_that_is_gone_is_noticed(serve, security):
    """Its link is cut without a word: nobody ends the connection."""
    scaler = serve()
    with StallingProxy(PROXY, scaler.address, scaler.port) as proxy:
        channel = new_channel(scaler.port, own_connection=True, address=PROXY,
                              client=security.client())
        stub = externalscaler_pb2_grpc.ExternalScalerStub(channel)
        stream = Stream(stub.StreamIsActive(scaled_object(LEVEL)))
        wait_until(lambda: stream.results() == [True], "the stream")
        assert scaler.gauge("open_streams") == 1
        proxy.stall()
        # 5 s without data, 5 s without an answer; the rest is this machine's. (TCP itself would
        # take minutes.)
        wait_until(lambda: scaler.gauge("open_streams") == 0, "its end", timeout=30)
        proxy.resume()
        channel.close()


def test_connections_age_without_a_failed_call(fake, security):
    """So that KEDA finds new replicas: streams end with OK, and calls go over a new connection."""
    flags = ("--max-connection-age", "2s", "--stream-max-age", "10s")
    with Scaler(*security.tls(), *flags, fake=fake, client=security.client()) as scaler:
        scaler.wait_sampled()
        with StallingProxy(PROXY, scaler.address, scaler.port) as proxy:
            channel = new_channel(scaler.port, own_connection=True, address=PROXY,
                                  client=security.client())
            stub = externalscaler_pb2_grpc.ExternalScalerStub(channel)
            stream = Stream(stub.StreamIsActive(scaled_object(LEVEL)))
            wait_until(lambda: stream.results() == [True], "the stream")

            def called():
                # Each new connection is made by way of Python; how long that takes is not the matter.
                stub.IsActive(scaled_object(LEVEL), timeout=PATIENCE_S)
                return proxy.accepted >= 4
            wait_until(called, "new connections")
            assert stream.wait_end() == grpc.StatusCode.OK
            channel.close()


# Debug pages.


def list_decisions(scaler):
    debug_pb2_grpc.DebugStub(scaler.channel).ListDecisions(
        debug_pb2.ListDecisionsRequest(), timeout=RPC_DEADLINE_S)


def test_debug_listens_where_it_is_told(hub, kubeconfig):
    assert hub.get(hub.debug_port, "/debug/nodes", address="127.0.0.1")[0] == 200
    with pytest.raises(ConnectionError):
        hub.get(hub.debug_port, "/debug/nodes", address="127.0.0.2")
    with Hub(kubeconfig, "--debug-address", "127.0.0.2") as other:
        assert other.get(other.debug_port, "/debug/nodes", address="127.0.0.2")[0] == 200
        list_decisions(other)


def test_debug_can_be_switched_off(kubeconfig):
    with Hub(kubeconfig, "--debug-port", "0") as hub:
        assert hub.debug_port is None
        with pytest.raises(grpc.RpcError) as refused:
            list_decisions(hub)
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
