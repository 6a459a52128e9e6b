# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes a fleet: every query of the dashboard and of the rules finds data."""

import contextlib
import math
import re

import grpc
import monitoring
import pytest
import yaml
from fake_engine import ALLOW, FakeEngine
from fleet import GPUS_A_NODE, Fleet
from fleet_processes import Hub
from harness import wait_until
from prometheus import Prometheus
from security import Security

QUERIES = monitoring.panel_queries()
CLUSTER = "test"


def gateway_page():
    return 'llm_d_epp_flow_control_queue_size{model_name="m"} 3\n'


def engine_page():
    return "vllm:num_requests_running 3\nvllm:num_requests_waiting 1\n"


def start_fleet(stack):
    """A fleet in which hubs and agents may ask servers on loopback."""
    fleet = Fleet(agent_env={f"KGS_{ALLOW[0][2:].upper().replace('-', '_')}": ALLOW[1]})
    # The driver wants a reset of a GPU, from the start: what it does not know then is not asked again.
    fleet.nodes["node-a"].driver.gpus[3].rules.append("field 230 1 1")
    fleet.nodes["node-a"].driver.write()
    stack.enter_context(fleet)
    for number, hub in enumerate(list(fleet.hubs)):
        fleet.kill(hub)
        fleet.start_hub(number, *ALLOW)
    fleet.wait_right(fleet.web)
    return fleet


def answer(call):
    """What the call is answered, or the code that it is refused with."""
    try:
        return call()
    except grpc.RpcError as error:
        return error.code()


def make_everything_happen(fleet, stack):
    """What there is a metric for: an engine that is read, a workload at zero that is wanted, a
    trigger that fails, a push stream, a GPU that is not well."""
    ailing = fleet.nodes["node-a"].driver
    ailing.gpus[3].rules.append("xid 1 79")
    ailing.write()
    engine = stack.enter_context(FakeEngine(engine_page))
    gateway = stack.enter_context(FakeEngine(gateway_page))
    chat = fleet.deploy("chat", {"metricType": "vllm_demand", "targetValue": "16",
                                 "enginePort": engine.port}, replicas=1)
    fleet.place(chat, "chat-0", "node-a", 1, status={"podIP": "127.0.0.1"})
    asleep = fleet.deploy("asleep", {
        "wakeEndpoint": f"http://127.0.0.1:{gateway.port}", "wakeSource": "epp"}, replicas=0)
    broken = fleet.scale("broken", {}, target_name="nothing", known=False)
    pushed = fleet.deploy("pushed", {}, replicas=0, push=True)
    for hub in fleet.hubs:
        hub.asked_for(chat).wait_value(4)
        wait_until(lambda hub=hub: answer(hub.asked_for(asleep).is_active) is True, "what wakes")
        wait_until(lambda hub=hub: answer(hub.asked_for(broken).value)
                   == grpc.StatusCode.UNAVAILABLE, "the trigger without a target")
    hub = fleet.hubs[0]
    stream = hub.asked_for(pushed).open_stream()
    stack.callback(stream.call.cancel)
    wait_until(lambda: hub.gauge("open_streams") == 1, "the stream")
    # With certificates, and with agents that would have to prove who they are.
    return stack.enter_context(Hub(fleet.kubeconfig, security=Security(fleet.folder / "secure")))


def configuration(fleet, secure):
    """That of scrape.yaml, with what Kubernetes would have said of each process."""
    job, = yaml.safe_load(monitoring.SCRAPE.read_text(encoding="utf-8"))["scrape_configs"]
    del job["kubernetes_sd_configs"]

    def target(process, pod, node):
        return {"targets": [f"{process.address}:{process.metrics_port}"], "labels": {
            "cluster": CLUSTER, "__meta_kubernetes_namespace": "keda",
            "__meta_kubernetes_pod_label_app_kubernetes_io_name": "keda-gpu-scaler",
            "__meta_kubernetes_pod_container_port_name": "metrics",
            "__meta_kubernetes_pod_name": pod, "__meta_kubernetes_pod_node_name": node}}
    job["static_configs"] = [
        *(target(hub, f"hub-{number}", "cpu-1") for number, hub in enumerate(fleet.hubs)),
        target(secure, "secure", "cpu-1"),
        *(target(node.agent, f"agent-{name}", name) for name, node in fleet.nodes.items())]
    return {"global": {"scrape_interval": "200ms", "evaluation_interval": "200ms"},
            "rule_files": [str(monitoring.RULES)], "scrape_configs": [job]}


@pytest.fixture(scope="module")
def fleet(private_names):
    with contextlib.ExitStack() as stack:
        running = start_fleet(stack)
        running.secure = make_everything_happen(running, stack)
        yield running


class Observed(Prometheus):
    """Scrapes a fleet that KEDA asks all the while."""

    def __init__(self, folder, fleet):
        super().__init__(folder, configuration(fleet, fleet.secure))
        self._asked = fleet.hubs[0].asked_for(fleet.web)

    def query(self, expression):
        answer(self._asked.value)
        return super().query(expression)


@pytest.fixture(scope="module")
def prometheus(fleet, tmp_path_factory):
    with Observed(tmp_path_factory.mktemp("prometheus"), fleet) as running:
        wait_until(lambda: {target["health"] for target in running.targets()} == {"up"}, "targets")
        yield running


def wait_data(prometheus, query):
    """Its samples, once there are any that are numbers."""
    return wait_until(lambda: [sample for sample in prometheus.query(query)
                               if not math.isnan(sample[1])], query)


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_a_query_of_the_dashboard_finds_data(prometheus, query):
    chosen = {"cluster": CLUSTER, "node": "node-a|cpu-1", "namespace": "default"}
    for text in (monitoring.filled(query), monitoring.filled(query, **chosen)):
        wait_data(prometheus, text)


@pytest.mark.parametrize("name, expected", [
    ("cluster", {CLUSTER}), ("node", {"node-a", "node-b", "node-c"}), ("namespace", {"default"}),
    ("object", {"web", "chat", "asleep", "broken", "pushed"})])
def test_a_variable_of_the_dashboard_offers_what_there_is(prometheus, name, expected):
    query = monitoring.variables()[name]["query"]["query"]
    selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()
    assert label == name
    selector = monitoring.filled(selector)
    wait_until(lambda: set(prometheus.label_values(label, selector)) == expected)


@pytest.mark.parametrize("name", monitoring.recorded())
def test_a_record_has_data(prometheus, name):
    wait_data(prometheus, name)


@pytest.mark.parametrize("name, alert", monitoring.alerts().items())
def test_an_alert_looks_at_what_there_is(prometheus, name, alert):
    """What it selects exists: its condition is for rules_test.yaml to provoke."""
    selectors = re.findall(r"(?:\w+:)?keda_gpu_scaler_\w+(?::\w+)?(?:\{[^}]*\})?", alert["expr"])
    assert selectors, name
    for selector in selectors:
        wait_data(prometheus, selector)


def test_rules_are_evaluated_without_errors(prometheus):
    expected = {*monitoring.alerts(), *monitoring.recorded()}
    wait_until(lambda: {rule["name"] for rule in prometheus.rules()
                        if rule["health"] == "ok"} == expected, "every rule")
    assert not [rule for rule in prometheus.rules() if rule.get("lastError")]


def test_what_is_scraped_is_labelled_as_the_dashboard_wants(prometheus, fleet):
    """The namespace of a trigger is its object's, and each GPU is of its node."""
    def labels_of(query, count):
        """Of so many samples: a process that was just late has none for a moment."""
        return wait_until(lambda: len(found := prometheus.query(query)) == count and [
            labels for labels, _ in found], query)
    values = labels_of('keda_gpu_scaler_workload_value{object="chat"}', len(fleet.hubs))
    assert {labels["namespace"] for labels in values} == {"default"}
    gpus = labels_of("keda_gpu_scaler_gpu_lost", GPUS_A_NODE * len(fleet.nodes))
    assert {labels["node"] for labels in gpus} == set(fleet.nodes)
    assert {labels["namespace"] for labels in gpus} == {"keda"}


def test_the_fleet_is_shown_as_it_is(prometheus):
    def shown(title):
        expression = monitoring.filled(QUERIES[f"{title}, A"])
        return {labels.get("object"): value for labels, value in prometheus.query(expression)}
    wait_until(lambda: shown("GPUs") == {None: 12})
    wait_until(lambda: shown("Value").get("chat") == 4)
    wait_until(lambda: shown("Wanted without replicas")
               == {"web": 0, "chat": 0, "asleep": 1, "pushed": 0})


def test_a_process_that_has_gone_is_noticed(prometheus, fleet):
    """Last, since an agent goes."""
    gone = fleet.nodes["node-c"].agent
    fleet.kill(gone)

    def noticed():
        alert = next(rule for rule in prometheus.rules() if rule["name"] == "KedaGpuScalerDown")
        return [one["labels"]["instance"] for one in alert["alerts"]]
    # Others may be late for a scrape, which is over with the next.
    wait_until(lambda: noticed() == [f"127.0.0.1:{gone.metrics_port}"], "the alert")
