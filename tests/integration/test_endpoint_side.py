# SPDX-License-Identifier: Apache-2.0
"""What hubs and standalone processes have for asking endpoints themselves, and what they need."""

import pytest
from fleet import Workload
from fleet_processes import Hub
from harness import Scaler, run, wait_until
from kube_api import REAL, new_kube_api

THREADS = {"endpoints", "endpoint-names", "endpoint-pages"}
COUNTERS = ("endpoint_scrapes_total", "endpoint_scrape_failures_total", "endpoint_lookups_total",
            "endpoint_lookup_failures_total")


@pytest.fixture(scope="module")
def api():
    with new_kube_api() as server:
        yield server


@pytest.fixture
def kubeconfig(api, tmp_path):
    return str(api.kubeconfig(tmp_path / "config"))


def threads(process):
    status, health = process.probe("/healthz")
    assert status == 200
    return {row["name"] for row in health["threads"]}


def assert_asks_nothing_yet(process):
    assert THREADS <= threads(process)
    assert process.gauge("endpoint_targets") == 0
    for counter in COUNTERS:
        assert process.gauge(counter) == 0, counter


def test_a_hub_and_a_standalone_process_with_kubernetes(fake, kubeconfig):
    with Hub(kubeconfig, "--engine-endpoint-allow", "10.0.0.0/8") as hub:
        assert_asks_nothing_yet(hub)
    with Scaler("--kubeconfig", kubeconfig, fake=fake) as scaler:
        assert_asks_nothing_yet(scaler)


def test_without_kubernetes_no_endpoint_is_asked(fake, tmp_path):
    """There nobody says in which namespace an object is."""
    unused = ("--named-endpoints", str(tmp_path / "none"))
    for start in (lambda: Hub("none", *unused),
                  lambda: Scaler("--kubeconfig", "none", *unused, fake=fake)):
        with start() as process:
            assert not THREADS & threads(process)
            assert process.gauge("endpoint_targets") is None
            assert process.logged("--named-endpoints is not used without Kubernetes")


def test_named_endpoints_that_are_good(kubeconfig, tmp_path):
    (tmp_path / "token").write_text("secret-token\n", encoding="utf-8")
    named = tmp_path / "named.yaml"
    named.write_text("endpoints:\n- {name: epp, url: 'https://epp.llm.svc:9090', "
                     f"tokenFile: {tmp_path / 'token'}}}\n", encoding="utf-8")
    with Hub(kubeconfig, "--named-endpoints", str(named)) as hub:
        assert_asks_nothing_yet(hub)
        assert not any("secret-token" in line for line in hub.lines)


@pytest.mark.parametrize("content,parts", [
    (None, ["cannot read"]),
    ("endpoints:\n- {name: a}\n- {name: b, url: 'ftp://b.test'}\n",
     [":2: endpoints[0]", ":3: endpoints[1].url"]),
    ("endpoints:\n- {name: a, url: 'https://a.test', tokenFile: /none/a}\n"
     "- {name: b, url: 'https://b.test', caFile: /none/b}\n",
     ["endpoint a: cannot read /none/a", "endpoint b: cannot read /none/b"])])
def test_named_endpoints_that_cannot_be_used(kubeconfig, tmp_path, content, parts):
    """All that is wrong is said at once, and nothing starts."""
    named = tmp_path / "named.yaml"
    if content is not None:
        named.write_text(content, encoding="utf-8")
    ports = [word for flag in ("port", "agent-port", "metrics-port", "probe-port", "debug-port")
             for word in (f"--{flag}", "auto")]
    done = run("hub", "--insecure-agents", "--kubeconfig", kubeconfig, *ports,
               "--named-endpoints", str(named))
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert "cannot start" in line and "--named-endpoints: " in line
    for part in parts:
        assert part in line


def test_flags_by_role():
    done = run("agent", "--named-endpoints", "a.yaml")
    assert done.returncode == 2 and "--named-endpoints: not a flag of this role" in done.stderr
    done = run("hub", "--engine-endpoint-allow", "10.0.0.1/8")
    assert done.returncode == 2 and "10.0.0.1/8" in done.stderr


@pytest.fixture
def to_a_service(api):
    """default/web, whose endpoint is the address of a Service of another namespace."""
    api.put("Service", "other", "db", spec={"externalIPs": ["10.96.0.9"]})
    workload = Workload("default", "web", {
        "holdSeconds": "0", "metricType": "vllm_demand", "targetValue": "16",
        "engineEndpoint": "http://10.96.0.9:8000"})
    api.put("Deployment", "default", "web", spec={"replicas": 1})
    # Ready, so that it is the endpoint that is missing.
    api.set_pod("default", "web-0", node="node-x", labels={"app": "web"})
    api.put("ScaledObject", "default", "web", spec={"pollingInterval": 1, "triggers": [
        {"type": "external", "metadata": workload.metadata}]})
    yield workload
    api.delete("ScaledObject", "default", "web")
    api.delete("Pod", "default", "web-0")
    api.delete("Service", "other", "db")


def test_an_endpoint_never_leads_to_anothers_service(api, kubeconfig, to_a_service):
    with Hub(kubeconfig) as hub:
        asked = hub.asked_for(to_a_service)
        asked.wait_unavailable("10.96.0.9 belongs to another namespace than the object's")
        assert hub.gauge("endpoint_scrapes_total") == 0
        assert hub.gauge("watch_up", watch="Services") == 1
        # Once it has another address, this one is nobody's: it is asked, in vain.
        api.put("Service", "other", "db", spec={"externalIPs": ["10.96.0.10"]})
        wait_until(lambda: hub.gauge("endpoint_scrapes_total") > 0, "a try")
        assert hub.gauge("watch_lists_total", watch="Services") == 1


@pytest.mark.skipif(REAL, reason="the real server's reader may list them")
def test_a_hub_that_may_not_list_services_asks_no_endpoint(api, kubeconfig, to_a_service):
    """But for what the operator allows; and nothing else needs them."""
    api.forbid("services")
    try:
        with Hub(kubeconfig) as hub:
            text = hub.asked_for(to_a_service).wait_unavailable(
                "10.96.0.9 cannot be judged", "services is forbidden", "--engine-endpoint-allow")
            assert text == hub.asked_for(to_a_service).unavailable()
            assert hub.gauge("endpoint_scrapes_total") == 0
            wait_until(lambda: hub.probe("/readyz")[0] == 200, "ready")
            assert hub.gauge("kubernetes_up") == 1
        with Hub(kubeconfig, "--engine-endpoint-allow", "10.96.0.9") as hub:
            wait_until(lambda: hub.gauge("endpoint_scrapes_total") > 0, "a try")
    finally:
        api.forbid()


def test_services_are_watched_while_there_are_objects(api, kubeconfig):
    with Hub(kubeconfig) as hub:
        wait_until(lambda: hub.probe("/readyz")[0] == 200, "ready")
        assert hub.series("watch_up", watch="Services") == []
        api.put("ScaledObject", "default", "web")
        wait_until(lambda: hub.series("watch_up", watch="Services") == [1], "the watch")
        api.delete("ScaledObject", "default", "web")
        wait_until(lambda: hub.series("watch_up", watch="Services") == [], "its end")
