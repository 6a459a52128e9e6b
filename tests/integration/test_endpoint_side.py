# SPDX-License-Identifier: Apache-2.0
"""What hubs and standalone processes have for asking endpoints themselves, before anything is."""

import pytest
from fleet_processes import Hub
from harness import Scaler, run
from kube_api import new_kube_api

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
        assert not any("secret-token" in line for line in list(hub.lines))


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
