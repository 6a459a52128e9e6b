# SPDX-License-Identifier: Apache-2.0
"""Endpoints: one URL speaks for a workload, and is asked by whoever answers."""

import contextlib

import grpc
import pytest
from fake_engine import ALLOW, FakeEngine, real_page
from fleet import Workload, new_node
from fleet_processes import Hub
from harness import Scaler, free_port, refusal, wait_until
from private_hosts import PrivateHosts



def load(running, waiting):
    return f"vllm:num_requests_running {running}\nvllm:num_requests_waiting {waiting}\n"


@pytest.fixture
def gateway():
    with FakeEngine(load(30, 12)) as one:
        yield one


def deploy(api, metadata, replicas=3, namespace="default", push=False):
    """default/web with Ready pods on a node that no agent reports from: pods have no say. What the
    endpoint does not say is an error at once."""
    workload = Workload(namespace, "web", {"holdSeconds": "0", **metadata})
    api.put("Deployment", namespace, "web", spec={"replicas": replicas})
    api.put("ScaledObject", namespace, "web", spec={"pollingInterval": 1, "triggers": [
        {"type": "external-push" if push else "external", "metadata": workload.metadata}]})
    for i in range(replicas):
        api.set_pod(namespace, f"web-{i}", node="node-x", labels={"app": "web"},
                    status={"podIP": f"10.9.0.{i + 1}"})
    return workload


def demand(url, **more):
    return {"metricType": "vllm_demand", "targetValue": "16", "engineEndpoint": url, **more}


def url_of(engine, host="127.0.0.1"):
    return f"http://{host}:{engine.port}"


def test_an_endpoint_speaks_for_the_workload(api, hub, gateway):
    workload = deploy(api, demand(url_of(gateway)))
    asked = hub.asked_for(workload)
    asked.wait_value(42)
    assert asked.is_active()
    gateway.page = load(3, 0)
    asked.wait_value(3)
    [read] = wait_until(lambda: hub.now(workload).get("inputs"), "that the hub looked itself")
    assert read["name"] == f"endpoint {url_of(gateway)}/metrics"
    assert read["source"] == "endpoint"
    assert hub.gauge("endpoint_targets") == 1
    # No pod was asked, and none needs to be known.
    assert hub.gauge("agents_connected") == 0
    # Without the trigger it is not asked any more.
    api.delete("ScaledObject", "default", "web")
    wait_until(lambda: hub.gauge("endpoint_targets") == 0, "no target")


def test_a_level_is_that_of_each_replica(api, hub, gateway):
    gateway.page = load(1, 0) + "vllm:kv_cache_usage_perc 0.9\n"
    workload = deploy(api, {"metricType": "vllm_kv_cache_usage", "targetValue": "80",
                            "vllmEndpoint": url_of(gateway)})
    hub.asked_for(workload).wait_value(270)


def test_profile_llm_asks_one_page_for_both(api, hub, gateway):
    gateway.page = load(30, 12) + "vllm:kv_cache_usage_perc 0.5\n"
    workload = deploy(api, {"profile": "llm", "vllmEndpoint": url_of(gateway)})
    asked = hub.asked_for(workload)

    def value(name):
        try:
            return asked.metric(name).metricValueFloat
        except grpc.RpcError:
            return None

    wait_until(lambda: value("keda_gpu_llm-demand") == 42, "the demand")
    wait_until(lambda: value("keda_gpu_llm-kv-cache") == 150, "the level")
    assert hub.gauge("endpoint_targets") == 1


def test_what_cannot_be_read_is_an_error_that_says_why(api, hub, gateway):
    workload = deploy(api, demand(url_of(gateway) + "/metrics?token=secret"))
    asked = hub.asked_for(workload)
    asked.wait_value(42)
    where = f"{url_of(gateway)}/metrics"
    for change, words in (({"status": 503}, "503"), ({"page": "{}"}, "line of the page"),
                          ({"page": real_page("envoy")}, "nothing on the page is of vLLM"),
                          ({"status": 302}, "302"), ({"page": "secret 1\nsecret"}, where)):
        old = {name: getattr(gateway, name) for name in change}
        for name, value in change.items():
            setattr(gateway, name, value)
        text = asked.wait_unavailable(words, where)
        assert "secret" not in text
        for name, value in old.items():
            setattr(gateway, name, value)
        asked.wait_value(42)
    assert hub.gauge("endpoint_scrape_failures_total") > 0
    assert "secret" not in str(hub.debug("decisions")) + str(hub.debug("workloads"))


def test_short_gaps_are_held_and_a_hung_endpoint_is_none(api, hub, gateway):
    workload = deploy(api, demand(url_of(gateway), holdSeconds="3600"))
    asked = hub.asked_for(workload)
    asked.wait_value(42)
    gateway.hangs = True
    asked.wait_value(16 * 3)
    assert asked.is_active()
    wait_until(lambda: hub.now(workload).get("branch") == "blind_held", "that it is held")
    gateway.hangs = False
    asked.wait_value(42)


def test_every_address_behind_the_name_is_read(api, kubeconfig, tmp_path):
    addresses = ["127.0.0.21", "127.0.0.22"]
    port = free_port(addresses)
    hosts = PrivateHosts(tmp_path / "hosts", "gateway.test", addresses)
    with contextlib.ExitStack() as stack:
        both = [stack.enter_context(FakeEngine(load(number + 1, 10), address=address, port=port))
                for number, address in enumerate(addresses)]
        hub = stack.enter_context(Hub(kubeconfig, *ALLOW, prefix=hosts.command()))
        workload = deploy(api, demand(f"http://gateway.test:{port}"))
        asked = hub.asked_for(workload)
        asked.wait_value(11 + 12)
        # One that does not say is not 0: the other is not the whole.
        both[1].status = 503
        asked.wait_unavailable(addresses[1], "503")
        both[1].status = 200
        asked.wait_value(11 + 12)
        hosts.set(addresses[:1])
        asked.wait_value(11)


def test_where_a_tenant_may_not_go(api, kubeconfig, gateway):
    with Hub(kubeconfig) as hub:
        workload = deploy(api, demand(url_of(gateway)))
        asked = hub.asked_for(workload)
        asked.wait_unavailable("127.0.0.1 is a loopback address", "--engine-endpoint-allow")
        api.set_pod("other", "victim", node="node-y", labels={"app": "victim"},
                    status={"podIP": "10.9.9.9"})
        api.put("ScaledObject", "other", "victim", spec={"triggers": [
            {"type": "external", "metadata": workload.metadata}]})
        for address, words in (("169.254.169.254", "cloud's metadata service"),
                               ("[fd00:ec2::254]", "cloud's metadata service"),
                               ("[::ffff:127.0.0.1]", "loopback"), ("0.0.0.0", "unspecified"),
                               ("10.9.9.9", "belongs to another namespace")):
            moved = deploy(api, demand(f"http://{address}:{gateway.port}"))
            hub.asked_for(moved).wait_unavailable(words)
        assert gateway.requests == {}
        assert hub.gauge("endpoint_targets") == 2


def test_a_credential_goes_to_its_own_endpoint_alone(api, kubeconfig, gateway, tmp_path):
    token = tmp_path / "token"
    token.write_text("t0p-secret\n")
    named = tmp_path / "endpoints.yaml"
    named.write_text("endpoints:\n"
                     f"  - {{name: gateway, url: \"{url_of(gateway)}\", tokenFile: {token}}}\n")
    with Hub(kubeconfig, *ALLOW, "--named-endpoints", str(named)) as hub, \
            FakeEngine(load(1, 0)) as other:
        workload = deploy(api, demand(url_of(gateway), endpointAuth="gateway"))
        asked = hub.asked_for(workload)
        asked.wait_value(42)
        assert gateway.headers["authorization"] == "Bearer t0p-secret"
        # Renewed: it is read anew.
        token.write_text("renewed-secret")
        wait_until(lambda: gateway.headers["authorization"] == "Bearer renewed-secret", "the new")
        # Another endpoint never gets it.
        elsewhere = deploy(api, demand(url_of(other), endpointAuth="gateway"))
        text = hub.asked_for(elsewhere).wait_unavailable("gateway")
        assert "secret" not in text
        assert other.requests == {}
        unknown = deploy(api, demand(url_of(gateway), endpointAuth="nobody"))
        hub.asked_for(unknown).wait_unavailable("nobody")
        # What is wrong with the operator's files is for the operator's eyes.
        token.unlink()
        broken = deploy(api, demand(url_of(gateway), endpointAuth="gateway"))
        text = hub.asked_for(broken).wait_unavailable("gateway")
        assert str(tmp_path) not in text
        wait_until(lambda: str(token) in str(hub.log()), "the path in the log")
        # Without it the same page is read without it.
        plain = deploy(api, demand(url_of(gateway)))
        hub.asked_for(plain).wait_value(42)
        assert "authorization" not in gateway.headers


def test_an_endpoint_from_the_environment_is_nowhere_shown(api, hub, gateway):
    stored = demand("", engineEndpointFromEnv="GATEWAY")
    del stored["engineEndpoint"]
    workload = deploy(api, stored)
    sent = {"engineEndpointFromEnv": url_of(gateway)}
    asked = hub.asked_for(workload)
    asked.wait_value(42, **sent)
    gateway.status = 503
    text = asked.wait_unavailable("endpoint", **sent)
    assert str(gateway.port) not in text
    assert str(gateway.port) not in str(hub.debug("decisions"))


def test_a_push_stream_hears_of_demand(api, hub, gateway):
    gateway.page = load(0, 0)
    # KEDA's least polling: what was idle for 30 s is inactive.
    workload = deploy(api, demand(url_of(gateway)), push=True)
    asked = hub.asked_for(workload)

    def idle():
        try:
            return not asked.is_active()
        except grpc.RpcError:
            return False

    wait_until(idle, "idle", timeout=90)
    stream = asked.open_stream()
    wait_until(lambda: stream.results() == [False], "the state")
    gateway.page = load(1, 0)
    wait_until(lambda: stream.results()[-1] is True, "the change")


def test_bad_endpoints_are_refused_by_the_metadata(api, hub):
    workload = deploy(api, demand("vllm:8000"))
    asked = hub.asked_for(workload)
    text = refusal(grpc.StatusCode.INVALID_ARGUMENT, asked.metric_spec)
    assert "engineEndpoint" in text and "http://" in text


def test_without_kubernetes_there_is_no_workload_to_speak_for(gateway):
    with Scaler(*ALLOW) as scaler:
        text = refusal(grpc.StatusCode.INVALID_ARGUMENT, scaler.metric,
                       **demand(url_of(gateway)))
        assert "Kubernetes" in text
    assert gateway.requests == {}


def test_standalone_asks_endpoints_too(api, kubeconfig, gateway, tmp_path):
    node = new_node("node-a", tmp_path / "node-a")
    with node.kubelet, Scaler("--node-name", "node-a", "--pod-resources-socket",
                              str(node.kubelet.socket), "--kubeconfig", str(kubeconfig), *ALLOW,
                              fake=node.driver) as scaler:
        workload = deploy(api, demand(url_of(gateway)))
        scaler.asked_by("default", "web").wait_value(42, **workload.metadata)
        assert scaler.gauge("endpoint_targets") == 1
