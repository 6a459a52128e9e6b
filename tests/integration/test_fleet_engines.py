# SPDX-License-Identifier: Apache-2.0
"""Engines of pods: what a hub wants asked, what an agent asks, and what a hub knows of it."""

import concurrent.futures
import contextlib
import queue
import threading
import time

import fleet_pb2
import fleet_pb2_grpc
import grpc
import pytest
from fake_engine import ALLOW, FakeEngine, real_page
from fleet import STRICT, Workload, new_node
from fleet_processes import Hub, agent
from harness import PATIENCE_S, Scaler, free_port, new_channel, run, wait_until
from kube_api import new_kube_api


class WantingHub(fleet_pb2_grpc.FleetServicer):
    """A hub of the test's own: says what it wants asked, and keeps the last report."""

    def __init__(self):
        self._wanted = queue.Queue()
        self._report = None
        self._layout = None
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        fleet_pb2_grpc.add_FleetServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._wanted.put(None)
        self._server.stop(None).wait()

    def Connect(self, messages, context):
        threading.Thread(target=self._follow, args=(messages,), daemon=True).start()
        yield fleet_pb2.HubMessage(interest=fleet_pb2.Interest())
        while context.is_active():
            scrapes = self._wanted.get()
            if scrapes is None:
                return
            yield fleet_pb2.HubMessage(interest=fleet_pb2.Interest(engine_scrapes=scrapes))

    def _follow(self, messages):
        with contextlib.suppress(grpc.RpcError):
            for message in messages:
                if message.HasField("report"):
                    self._report = message.report

    def want(self, *scrapes):
        self._wanted.put(list(scrapes))

    def engines(self):
        """By pod and key, what the last report says."""
        report = self._report
        return report and {(value.pod_uid, value.key): value for value in report.engines}

    def values(self):
        """By pod: its value, or the gap's name. Of pods that are asked one thing."""
        engines = self.engines()
        return engines and {
            uid: value.value if value.HasField("value")
            else fleet_pb2.EngineValue.Gap.Name(value.gap)
            for (uid, _), value in engines.items()}

    def wait_values(self, **expected):
        def same():
            values = self.values()
            return values is not None and values.keys() == expected.keys() and all(
                value == expected[uid] if isinstance(value, str) or isinstance(expected[uid], str)
                else value == pytest.approx(expected[uid]) for uid, value in values.items())

        try:
            wait_until(same, "the values")
        except AssertionError:
            assert self.values() == expected
            raise

    def detail(self, uid):
        return {pod: value.detail for (pod, _), value in self.engines().items()}[uid]


def query(signal, port, interval_ms=200, **fields):
    return fleet_pb2.EngineQuery(signal=signal, port=port, interval_ms=interval_ms, **fields)


def scrape(uid, *queries, ip="127.0.0.1", started=1700000000):
    return fleet_pb2.EngineScrape(pod_uid=uid, namespace="default", pod=f"pod-{uid}", ip=ip,
                                  container_started_unix_seconds=started, queries=queries)


@pytest.fixture
def engines():
    """Makes engines that are there until the test is over."""
    with contextlib.ExitStack() as stack:
        yield lambda *page, **options: stack.enter_context(FakeEngine(*page, **options))


@pytest.fixture
def node(tmp_path):
    one = new_node("node-a", tmp_path / "node-a")
    with one.kubelet:
        yield one


@pytest.fixture
def hub():
    with WantingHub() as wanting:
        yield wanting


@pytest.fixture
def asking(node, hub):
    """An agent that may ask engines on loopback, and talks to the test's hub."""
    with agent(node, f"127.0.0.1:{hub.port}", *ALLOW) as running:
        wait_until(lambda: hub.engines() is not None, "a report")
        yield running


def test_every_preset_reads_its_real_page(asking, hub, engines):
    cases = {"vllm": ("vllm_demand", "vllm", 4), "old": ("vllm_demand", "vllm-v0", 0),
             "sglang": ("sglang_demand", "sglang", 2988),
             "cache": ("sglang_kv_cache_usage", "sglang", 28), "tgi": ("tgi_demand", "tgi", 8),
             "triton": ("triton_pending", "triton", 0), "trtllm": ("trtllm_demand", "trtllm", 4),
             "dynamo": ("dynamo_demand", "dynamo-frontend", 0),
             "llamacpp": ("llamacpp_demand", "llamacpp", 0)}
    hub.want(*(scrape(uid, query(signal, engines(real_page(page)).port))
               for uid, (signal, page, _) in cases.items()))
    hub.wait_values(**{uid: value for uid, (_, _, value) in cases.items()})
    assert asking.gauge("engine_targets") == len(cases)
    assert asking.gauge("engine_scrapes_total") >= len(cases)
    assert asking.gauge("engine_scrape_failures_total") == 0


def test_only_what_is_wanted_is_asked_and_a_page_once_for_all(asking, hub, engines):
    engine = engines(real_page("vllm"))
    other = engines(real_page("tgi"))
    hub.want(scrape("a", query("vllm_demand", engine.port), query("vllm_running", engine.port)))
    wait_until(lambda: [value.value for value in (hub.engines() or {}).values()] == [4, 3],
               "both values")
    assert engine.headers["accept"].startswith("text/plain;version=0.0.4")
    assert engine.headers["accept-encoding"] == "identity"
    assert "authorization" not in engine.headers and "cookie" not in engine.headers
    asked = engine.asked()
    began = time.monotonic()
    wait_until(lambda: engine.asked() >= asked + 5, "five more pages")
    # A second apart, however often it is wanted: one page serves both. The first of the five may
    # have been late.
    assert time.monotonic() - began >= 3
    hub.want(scrape("b", query("tgi_demand", other.port)))
    hub.wait_values(b=8)
    asked = engine.asked()
    wait_until(lambda: other.asked() > 5, "more pages of the other")
    assert engine.asked() == asked
    hub.want()
    hub.wait_values()
    assert asking.gauge("engine_targets") == 0


def test_one_of_fifty_that_hangs_delays_none(asking, hub, engines):
    good, hung = engines(real_page("vllm")), engines()
    hung.hangs = True
    hub.want(scrape("hung", query("vllm_demand", hung.port)),
             *(scrape(str(i), query("vllm_demand", good.port, 1000, path=f"/{i}"))
               for i in range(49)))
    hub.wait_values(hung="FAULT", **{str(i): 4 for i in range(49)})
    assert "2s" in hub.detail("hung")
    before = {i: good.asked(f"/{i}") for i in range(49)}
    rounds = hung.asked()
    wait_until(lambda: hung.asked() >= rounds + 3, "three more rounds of the one that hangs")
    # Each of those takes it 2 s at least; the others went on, each second.
    assert min(good.asked(f"/{i}") - before[i] for i in range(49)) >= 4


def test_what_is_no_page_is_a_fault_and_says_why(asking, hub, engines):
    engine = engines(real_page("vllm"))
    hub.want(scrape("a", query("vllm_demand", engine.port)))
    hub.wait_values(a=4)
    for change, words in (({"status": 503}, "503"), ({"page": "{}"}, "line of the page"),
                          ({"content_type": "text/html"}, "text/html"),
                          ({"page": real_page("envoy")}, "nothing on the page is of vLLM"),
                          ({"page": "secret 1\nsecret"}, None)):
        old = {name: getattr(engine, name) for name in change}
        for name, value in change.items():
            setattr(engine, name, value)
        hub.wait_values(a="FAULT")
        if words:
            wait_until(lambda: words in hub.detail("a"), f"{words} in {hub.detail('a')}")
        assert "secret" not in hub.detail("a")
        for name, value in old.items():
            setattr(engine, name, value)
        hub.wait_values(a=4)
    assert asking.gauge("engine_scrape_failures_total") > 0


def test_counters_become_rates_of_one_process(asking, hub, engines):
    count = [0]

    def page():
        count[0] += 10
        return f'nv_inference_request_success{{model="m",version="1"}} {count[0]}\n'

    engine = engines(page)
    rate = query("triton_request_rate", engine.port)
    hub.want(scrape("a", rate))

    def a_rate():
        value = (hub.values() or {}).get("a")
        return value if isinstance(value, float) else None
    # 10 a page, a page a second (the preset's shortest interval, of five that are wanted), but one
    # soon after a page that was late.
    assert 0 < wait_until(a_rate, "a rate") < 40
    # Another process: what was counted before says nothing of it.
    count[0] = 10**6
    asked = engine.asked()
    hub.want(scrape("a", rate, started=1700000009))
    seen = []

    def a_rate_of_the_new_process():
        value = a_rate()
        if value is not None:
            seen.append(value)
        return value is not None and engine.asked() > asked + 3
    wait_until(a_rate_of_the_new_process, "a rate of the new process")
    assert max(seen) < 40, "no rate over both"


def test_nothing_but_a_pod_is_asked(node, hub, engines):
    """Loopback and metadata addresses are no pod's."""
    engine = engines(real_page("vllm"))
    with agent(node, f"127.0.0.1:{hub.port}"):
        hub.want(scrape("loopback", query("vllm_demand", engine.port)),
                 scrape("metadata", query("vllm_demand", 80), ip="169.254.169.254"),
                 scrape("name", query("vllm_demand", engine.port), ip="localhost"),
                 scrape("path", query("vllm_demand", engine.port, path="@127.0.0.1/"),
                        ip="10.0.0.1"))
        hub.wait_values(loopback="FAULT", metadata="FAULT", name="FAULT", path="FAULT")
        assert "127.0.0.1" in hub.detail("loopback")
        assert "169.254.169.254" in hub.detail("metadata")
    assert engine.requests == {}


def test_what_may_be_allowed_is_checked():
    done = run("agent", "--engine-endpoint-allow", "10.0.0.0/8,10.0.0.1/8")
    assert done.returncode == 2
    assert "--engine-endpoint-allow" in done.stderr and "10.0.0.1/8" in done.stderr


# --- A hub ---


class ReportingAgent:
    """An agent of the test's own: reports these engine values of a node without GPUs."""

    def __init__(self, port, node):
        self._node = node
        self._reports = queue.Queue()
        self._channel = new_channel(port, own_connection=True)
        self._sequence = 0
        self.told = []

    def __enter__(self):
        stub = fleet_pb2_grpc.FleetStub(self._channel)
        self.call = stub.Connect(iter(self._reports.get, None), timeout=PATIENCE_S)
        hello = fleet_pb2.Hello(node=self._node, boot_id="test", version="test")
        self._reports.put(fleet_pb2.AgentMessage(hello=hello))
        self.told.append(next(self.call))
        return self

    def __exit__(self, *_):
        self._reports.put(None)
        self.call.cancel()
        self._channel.close()

    def report(self, *engines):
        now = time.monotonic_ns()
        self._sequence += 1
        report = fleet_pb2.Report(sequence=self._sequence, sent_ns=now, taken_ns=now,
                                  engines=engines)
        if self._sequence == 1:
            report.layout.SetInParent()
        self._reports.put(fleet_pb2.AgentMessage(report=report))


def value(uid, key, number=None, gap=None, age_ms=0, detail=""):
    return fleet_pb2.EngineValue(pod_uid=uid, key=key, value=number, gap=gap, detail=detail,
                                 before_taken_ns=age_ms * 10**6, max_age_ms=3000)


def test_a_hub_knows_what_the_engine_of_each_pod_says(tmp_path):
    with new_kube_api() as api, Hub(api.kubeconfig(tmp_path / "config")) as hub:
        workload = Workload("default", "web", {"metricType": "gpu_utilization",
                                               "targetValue": "80", **STRICT})
        api.put("Deployment", "default", "web", spec={"replicas": 2})
        api.put("ScaledObject", "default", "web", spec={"triggers": [
            {"type": "external", "metadata": workload.metadata}]})
        for name, node in (("web-a", "node-a"), ("web-b", "node-b")):
            api.set_pod("default", name, node=node, labels={"app": "web"})
        wait_until(lambda: set(hub.pods(workload) or {}) == {"web-a", "web-b"}, "the pods")
        uid = {name: row["uid"] for name, row in hub.pods(workload).items()}

        def engines(name):
            return hub.pods(workload)[name].get("engines")

        assert engines("web-a") is None
        with ReportingAgent(hub.agent_port, "node-a") as reporting:
            # What it says of a pod of another node is not believed.
            reporting.report(value(uid["web-a"], "k1", 4), value(uid["web-b"], "k1", 99),
                             value(uid["web-a"], "k2", gap=fleet_pb2.EngineValue.FAULT,
                                   age_ms=10**4, detail="refused"))
            wait_until(lambda: engines("web-a") is not None, "readings")
            first, second = engines("web-a")
            assert (first["query"], first["value"], first["fresh"]) == ("k1", 4, True)
            assert (second["query"], second["gap"], second["detail"], second["fresh"]) == (
                "k2", "fault", "refused", False)
            assert 10 <= second["age_seconds"] < 10 + PATIENCE_S
            assert engines("web-b") is None
        wait_until(lambda: hub.pods(workload)["web-a"]["devices"] == "agent_silent" and
                   engines("web-a") is None, "nothing of a silent agent")


# --- From hub to engine and back ---


class Pods:
    """Pods of default/web, each with an engine of its own at an address of its own."""

    def __init__(self, api, stack):
        self.api = api
        self.addresses = [f"127.0.0.{11 + i}" for i in range(3)]
        self.port = free_port(self.addresses)
        self.engines = [stack.enter_context(FakeEngine(load(i + 1, 0), address=address,
                                                       port=self.port))
                        for i, address in enumerate(self.addresses)]
        self.workload = Workload("default", "web", {
            "metricType": "vllm_demand", "targetValue": "16", "enginePort": str(self.port), **STRICT})

    def deploy(self, nodes):
        self.api.put("Deployment", "default", "web", spec={"replicas": len(nodes)})
        self.api.put("ScaledObject", "default", "web", spec={"pollingInterval": 1, "triggers": [
            {"type": "external", "metadata": self.workload.metadata}]})
        for i, node in enumerate(nodes):
            self.place(i, node)

    def place(self, i, node, address=None):
        self.api.set_pod("default", f"web-{i}", node=node, labels={"app": "web"},
                         status={"podIP": address or self.addresses[i]})


def load(running, waiting):
    return f"vllm:num_requests_running {running}\nvllm:num_requests_waiting {waiting}\n"


@pytest.fixture
def kubernetes():
    with new_kube_api() as api, contextlib.ExitStack() as stack:
        yield Pods(api, stack)


def test_the_demand_of_a_workload_is_that_of_all_its_pods(kubernetes, tmp_path):
    nodes = [new_node(name, tmp_path / name) for name in ("node-a", "node-b", "node-c")]
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(Hub(kubernetes.api.kubeconfig(tmp_path / "config")))
        for node in nodes:
            stack.enter_context(node.kubelet)
            node.agent = stack.enter_context(
                agent(node, f"127.0.0.1:{hub.agent_port}", *ALLOW))
        kubernetes.deploy([node.name for node in nodes])
        asked = hub.asked_for(kubernetes.workload)
        asked.wait_value(1 + 2 + 3)
        kubernetes.engines[1].page = load(30, 12)
        asked.wait_value(1 + 42 + 3)
        # Each is asked by the agent of its own node alone.
        before = [engine.asked() for engine in kubernetes.engines]
        wait_until(lambda: kubernetes.engines[0].asked() >= before[0] + 3, "three rounds")
        for node, engine in zip(nodes, kubernetes.engines):
            # One page may be under way.
            assert engine.asked() <= node.agent.gauge("engine_scrapes_total") + 1
        # One that does not say makes the whole unknown, and says why.
        kubernetes.engines[2].status = 503

        def fault():
            row = hub.pods(kubernetes.workload)["web-2"]["engines"][0]
            return row if row.get("gap") == "fault" else None
        assert "503" in wait_until(fault, "the fault")["detail"]
        asked.wait_unavailable("web-2")
        kubernetes.engines[2].status = 200
        asked.wait_value(1 + 42 + 3)
        # A pod that is gone is no longer asked.
        kubernetes.api.put("Deployment", "default", "web", spec={"replicas": 2})
        kubernetes.api.delete("Pod", "default", "web-2")
        asked.wait_value(1 + 42)
        wait_until(lambda: nodes[2].agent.gauge("engine_targets") == 0, "that the agent is told")
        count = kubernetes.engines[2].asked()
        before = kubernetes.engines[0].asked()
        wait_until(lambda: kubernetes.engines[0].asked() >= before + 4, "four rounds")
        # One page may have been under way.
        assert kubernetes.engines[2].asked() <= count + 1
        assert hub.gauge("agents_connected") == 3


def test_standalone_asks_the_engines_of_its_node(kubernetes, tmp_path):
    node = new_node("node-a", tmp_path / "node-a")
    with node.kubelet, Scaler("--node-name", "node-a", "--pod-resources-socket",
                              str(node.kubelet.socket), "--kubeconfig",
                              str(kubernetes.api.kubeconfig(tmp_path / "config")), *ALLOW,
                              fake=node.driver) as scaler:
        kubernetes.deploy(["node-a", "node-a"])
        asked = scaler.asked_by("default", "web")
        asked.wait_value(1 + 2, **kubernetes.workload.metadata)
        assert scaler.gauge("engine_targets") == 2
        # Of another node nothing is known here.
        kubernetes.api.put("Deployment", "default", "web", spec={"replicas": 3})
        kubernetes.place(2, "node-b")
        asked.wait_unavailable("web-2", **kubernetes.workload.metadata)
        assert kubernetes.engines[2].asked() == 0
