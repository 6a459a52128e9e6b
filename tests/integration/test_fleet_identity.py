# SPDX-License-Identifier: Apache-2.0
"""Agents that prove on which node they are, and those that cannot."""

import fleet_pb2
import fleet_pb2_grpc
import grpc
import pytest
from fleet import new_node
from fleet_processes import Hub, agent
from harness import PATIENCE_S, new_channel, run, wait_until
from kube_api import new_kube_api
from kube_credentials import Authority
from security import AGENTS, AUDIENCE, Security

NODE = "node-a"


@pytest.fixture(scope="module")
def server():
    with new_kube_api() as one:
        yield one


@pytest.fixture
def security(tmp_path):
    return Security(tmp_path / "security")


@pytest.fixture
def secured(server, security, tmp_path):
    """A hub that lets in who proves who he is."""
    with Hub(server.kubeconfig(tmp_path / "config"), security=security) as hub:
        # Else a question comes before there is a connection to the API server.
        wait_until(lambda: hub.probe("/readyz")[0] == 200, "ready")
        yield hub


@pytest.fixture
def node(tmp_path):
    one = new_node(NODE, tmp_path / NODE)
    with one.kubelet:
        yield one


class Identities:
    """Tokens of agents, as the API server makes them for pods on nodes."""

    def __init__(self, server):
        self._server = server

    def token(self, node=NODE, account=AGENTS[1], audience=AUDIENCE, **options):
        """`options` as of FakeKubeApi.account_token."""
        namespace = AGENTS[0]
        pod = f"{account}-{node}"
        self._server.set_pod(namespace, pod, node=node, spec={"serviceAccountName": account})
        return self._server.account_token(namespace, account, audience, pod=pod, **options)


def everything_said(*programs):
    """All pages and all log lines."""
    texts = []
    for one in programs:
        pages = [(one.metrics_port, "/metrics"), (one.probe_port, "/healthz"),
                 (one.probe_port, "/readyz")]
        if isinstance(one, Hub):
            pages += [(one.debug_port, f"/debug/{page}")
                      for page in ("nodes", "workloads", "decisions")]
        texts += [one.get(port, path)[1] for port, path in pages]
        texts += one.lines
    return "\n".join(texts)


@pytest.fixture
def identities(server):
    return Identities(server)


def started(node, hub, security, token, *arguments):
    """The node's agent, with that token."""
    security.token_file(node.name).write_text(token, encoding="utf-8")
    return agent(node, f"127.0.0.1:{hub.agent_port}", *arguments, security=security)


def is_seen(hub):
    return hub.debug("nodes").get(NODE, {}).get("connected", False)


def refusal_of(one, words):
    """Waits for the agent to be told so."""
    wait_until(lambda: any(words in line["error"] for line in one.logged("no stream to a hub")),
               f"a refusal with {words!r}")


def test_an_agent_proves_its_node(node, secured, security, identities):
    with started(node, secured, security, identities.token()) as one:
        wait_until(lambda: is_seen(secured), "the agent")
        wait_until(lambda: secured.debug("nodes")[NODE].get("gpus"), "its report")
        assert not one.logged(
            "insecure: reports go to the hubs in plaintext, and no hub is verified")
    assert not secured.logged(
        "insecure: agents report in plaintext, and whoever connects is believed")
    assert secured.gauge("token_reviews_total") == 1
    assert secured.gauge("token_review_failures_total") == 0
    assert secured.series("agent_refusals_total") == [0, 0, 0]
    assert secured.gauge("tls_certificate_expiry_timestamp_seconds", of="agents") > 0


def test_no_secret_is_shown(node, secured, security, identities):
    """Neither of a token that is good nor of one that is not, nor of a key."""
    good, bad = identities.token(), identities.token(node="node-b")
    for token in (bad, good):
        with started(node, secured, security, token) as one:
            if token is bad:
                refusal_of(one, "the token is of node")
            else:
                wait_until(lambda: is_seen(secured), "the agent")
            said = everything_said(secured, one)
            for secret in (*token.split("."), "PRIVATE KEY", "BEGIN"):
                assert secret not in said


def test_before_kubernetes_1_30_the_node_is_that_of_the_tokens_pod(node, secured, security,
                                                                   identities):
    token = identities.token(names_node=False)
    with started(node, secured, security, token):
        wait_until(lambda: is_seen(secured), "the agent")


@pytest.mark.parametrize("options, words, reason", [
    ({"node": "node-b"}, "the token is of node node-b, the agent says that it is on node-a",
     "permission_denied"),
    ({"audience": "https://kubernetes.default.svc"}, 'is it of audience "keda-gpu-scaler"?',
     "unauthenticated"),
    ({"account": "default"}, "agents are system:serviceaccount:keda:keda-gpu-scaler-agent",
     "permission_denied"),
    ({"seconds": -120}, "has it expired", "unauthenticated"),
    # An API server accepts it for a minute more.
    ({"seconds": -5}, "the token has expired by the hub's clock", "unauthenticated"),
])
def test_another_token_is_refused(node, secured, security, identities, options, words, reason):
    with started(node, secured, security, identities.token(**options)) as one:
        refusal_of(one, words)
        assert one.probe("/readyz")[0] == 503
        assert secured.gauge("agent_refusals_total", reason=reason) >= 1
        [said] = secured.logged("an agent was refused")
        assert words in said["error"]
        assert not secured.debug("nodes").get(NODE, {}).get("gpus")
        # The next token is tried without a restart.
        security.token_file(NODE).write_text(identities.token(), encoding="utf-8")
        wait_until(lambda: is_seen(secured), "the agent with its own token")


def test_a_token_that_nobody_made_is_refused(node, secured, security):
    with started(node, secured, security, "no-token-at-all") as one:
        refusal_of(one, "the token is no ServiceAccount token")
    assert secured.gauge("token_reviews_total") == 0


def test_without_a_token_there_is_no_stream(node, secured, security):
    with agent(node, f"127.0.0.1:{secured.agent_port}", security=security) as one:
        refusal_of(one, str(security.token_file(NODE)))
        assert secured.gauge("agent_refusals_total", reason="unauthenticated") == 0
    # Nor for who opens one all the same.
    with new_channel(secured.agent_port, own_connection=True,
                     client=security.nameless_client()) as channel:
        hello = fleet_pb2.AgentMessage(hello=fleet_pb2.Hello(node=NODE, boot_id="1", version="1"))
        stream = fleet_pb2_grpc.FleetStub(channel).Connect(iter([hello]), timeout=PATIENCE_S)
        with pytest.raises(grpc.RpcError) as refused:
            next(stream)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert NODE not in secured.debug("nodes")


def test_a_stream_ends_with_its_token(node, secured, security, identities):
    with started(node, secured, security, identities.token(seconds=12)) as one:
        wait_until(lambda: is_seen(secured), "the agent")
        refusal_of(one, "the hub ended the stream")
        # The one in the file has expired too, until the kubelet brings the next.
        refusal_of(one, "the token has expired by the hub's clock")
        wait_until(lambda: not is_seen(secured), "the end of the stream")
        security.token_file(NODE).write_text(identities.token(), encoding="utf-8")
        wait_until(lambda: is_seen(secured), "the agent with its next token")


def test_a_hub_proves_itself_first(node, secured, security, identities, tmp_path):
    """An agent shows its token to nobody else."""
    security.token_file(NODE).write_text(identities.token(), encoding="utf-8")
    trusted = Authority(tmp_path / "trusted", "other-ca").certificate
    with agent(node, f"127.0.0.1:{secured.agent_port}", "--hub-ca", str(trusted),
               security=security) as one:
        wait_until(lambda: one.logged("no stream to a hub"), "the failure")
        assert secured.gauge("token_reviews_total") == 0
    with agent(node, f"127.0.0.1:{secured.agent_port}", "--hub-server-name", "other.test",
               security=security) as one:
        wait_until(lambda: one.logged("no stream to a hub"), "the failure")
        assert secured.gauge("token_reviews_total") == 0
    assert NODE not in secured.debug("nodes")


def test_certificates_of_agents_and_hubs_are_renewed(node, secured, security, identities,
                                                     tmp_path):
    """Also to another authority: the agent trusts the new one when its file has it."""
    trusted = tmp_path / "trusted.crt"
    trusted.write_bytes(security.authority.certificate.read_bytes())
    security.token_file(NODE).write_text(identities.token(seconds=20), encoding="utf-8")
    with agent(node, f"127.0.0.1:{secured.agent_port}", "--hub-ca", str(trusted),
               security=security) as one:
        wait_until(lambda: is_seen(secured), "the agent")
        security.token_file(NODE).write_text(identities.token(), encoding="utf-8")
        security.authority = Authority(tmp_path / "new", "new-ca")
        security.renew()
        wait_until(lambda: secured.logged("certificates were renewed", of="agents"), "a renewal")
        assert is_seen(secured), "what is connected stays"
        trusted.write_bytes(security.authority.certificate.read_bytes())
        wait_until(lambda: one.logged("certificates were renewed", of="hubs"), "a renewal")
        # Its first token ends; the next stream is over a connection with the new certificate.
        wait_until(lambda: len(one.logged("connected to a hub")) == 2, "the agent's return")
        assert not one.logged("no stream to a hub", level="warn")


def test_while_the_api_server_is_away_known_tokens_count(node, server, secured, security,
                                                         identities):
    token = identities.token()
    with started(node, secured, security, token):
        wait_until(lambda: is_seen(secured), "the agent")
    other = identities.token()
    server.down()
    try:
        with started(node, secured, security, token):
            wait_until(lambda: is_seen(secured), "the agent")
        with started(node, secured, security, other) as one:
            refusal_of(one, "UNAVAILABLE")
            assert secured.gauge("agent_refusals_total", reason="unavailable") >= 1
    finally:
        server.up()


def test_a_hub_without_kubernetes_cannot_know_agents(security):
    result = run("hub", "--port", "auto", "--agent-port", "auto", "--metrics-port", "0",
                 "--probe-port", "0", "--debug-port", "0", *security.hub_flags())
    assert result.returncode == 1
    assert "no Kubernetes is configured that could tell whose token an agent has" in result.stderr


def test_one_agent_does_not_take_all(secured, security, identities):
    """Reports that come too fast, or are too large, end their own stream."""
    token = identities.token()
    with new_channel(secured.agent_port, own_connection=True,
                     client=security.nameless_client()) as channel:
        def messages():
            yield fleet_pb2.AgentMessage(
                hello=fleet_pb2.Hello(node=NODE, boot_id="1", version="1"))
            while True:
                yield fleet_pb2.AgentMessage()
        stream = fleet_pb2_grpc.FleetStub(channel).Connect(
            messages(), timeout=PATIENCE_S, metadata=[("authorization", f"Bearer {token}")])
        with pytest.raises(grpc.RpcError) as refused:
            for _ in stream:
                pass
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert secured.gauge("limit_exceeded_total", limit="report_rate") == 1
